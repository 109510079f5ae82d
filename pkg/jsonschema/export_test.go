package jsonschema

// Count is a limit that counts.
var Count = count
