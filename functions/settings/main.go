// Settings is the Lambda function that shows and changes the settings, and shows who is told of what happens.
package main

import (
	"cofre/functions/internal/entry"
	"cofre/pkg/publish"
)

func main() {
	entry.Start(entry.Function{
		Operations: []string{"getSettings", "putSettings", "listSources", "createSource", "getSource", "putSource", "deleteSource", "testSource", "listPlaces", "createPlace", "getPlace", "putPlace", "deletePlace", "testPlace", "listChannels", "createChannel", "tryChannel", "getChannel", "putChannel", "deleteChannel", "testChannel", "listEvents"},
		Publisher:  new(publish.AWS),
	})
}
