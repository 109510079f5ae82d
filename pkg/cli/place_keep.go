package cli

import (
	"context"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/place"
	"cofre/pkg/source"
)

const placeAddLong = `Adds a second location, kept in the backup directory beside the backups: cofre serve copies there, without a
restart, whatever does not say itself where it is copied. It is in S3. With --keys, the ID of an access key
and its secret are prompted for, or read from standard input, one line each, and stored encrypted to
BACKUP_SERVER_KEY; or options say where they are found. Without either, those of the first location are used.`

const placeAddExamples = `  cofre place add elsewhere --directory s3://other-bucket/shop
  cofre place add far --directory s3://bucket/shop --endpoint https://s3.example.com --keys <keys.txt`

const placeSetExamples = `  cofre place set elsewhere --storage-class STANDARD_IA
  cofre place set elsewhere --endpoint https://s3.example.com --keys <keys.txt`

// placeFlags are the options of place add and set.
type placeFlags struct {
	set         place.Settings
	id, key     given
	keys        bool
	changed     func(string) bool
	credentials [2]source.Given
}

func (f *placeFlags) add(c *cobra.Command) {
	o := c.Flags()
	o.StringVar(&f.set.Directory, "directory", "", "where it is: `s3://BUCKET/PREFIX`")
	o.StringVar(&f.set.Endpoint, "endpoint", "", "`URL` of its S3 service (default: that of the first location, or Amazon's)")
	o.StringVar(&f.set.Region, "region", "", "`REGION` of its bucket (default: AWS_REGION)")
	o.StringVar(&f.set.StorageClass, "storage-class", "", "storage `CLASS` of the objects there (default: the bucket's own)")
	o.BoolVar(&f.keys, "keys", false, "read the ID of an access key and its secret from standard input, or ask for them")
	o.StringVar(&f.id.env, "access-key-env", "", "the ID is in the environment variable `COFRE_NAME`")
	o.StringVar(&f.key.env, "secret-key-env", "", "the secret is in the environment variable `COFRE_NAME`")
	o.StringVar(&f.id.secret, "access-key-secret", "", "the ID is in the secret with this `ARN`")
	o.StringVar(&f.key.secret, "secret-key-secret", "", "the secret is in the secret with this `ARN`")
	f.changed = o.Changed
}

// read reads the credentials, and puts what the options say over settings.
func (f *placeFlags) read(ctx context.Context, p *program, over place.Settings) (place.Settings, error) {
	for flag, put := range map[string]func(){
		"directory": func() { over.Directory = f.set.Directory }, "endpoint": func() { over.Endpoint = f.set.Endpoint }, "region": func() { over.Region = f.set.Region },
		"storage-class": func() { over.StorageClass = f.set.StorageClass },
	} {
		if f.changed(flag) {
			put()
		}
	}
	f.credentials = [2]source.Given{f.id.named(), f.key.named()}
	if !f.keys {
		return over, nil
	}
	if !f.id.none() || !f.key.none() {
		return over, usage("Leave one of the two out.", "--keys and options that name where the keys are exclude each other")
	}
	got, err := p.secrets(ctx, "ID of the access key", "secret of the access key")
	if err == nil {
		f.credentials = [2]source.Given{{Value: got[0]}, {Value: got[1]}}
	}
	return over, err
}

func (p *program) placeAddCommand() *cobra.Command {
	var f placeFlags
	c := &cobra.Command{
		Use: "add NAME --directory s3://BUCKET/PREFIX [options]", Short: "Add a second location, kept in the backup directory", Long: placeAddLong, Example: placeAddExamples,
		Args: arguments(1, 1, "a location's name"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := source.CheckKeptName("location", args[0]); err != nil { // before anybody is asked for a secret
				return err
			}
			set, err := f.read(cmd.Context(), p, place.Settings{Name: args[0]})
			if err != nil {
				return err
			}
			a, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			return p.keepPlace(cmd.Context(), a, "place_create", backup.PlaceChange{Settings: set, AccessKey: f.credentials[0], SecretKey: f.credentials[1]})
		},
	}
	f.add(c)
	return c
}

func (p *program) placeSetCommand() *cobra.Command {
	var f placeFlags
	c := &cobra.Command{
		Use: "set NAME [options]", Short: "Change a second location that is kept in the backup directory",
		Long: `Changes the given options of a location added by "cofre place add" or in the web UI; the rest stays as it is,
its credentials too, as long as the service is the same. What is in cofre.yaml is changed there. An empty
value resets an option: --storage-class "".`,
		Example: placeSetExamples, Args: arguments(1, 1, "a location's name"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			a, err := p.open(ctx)
			if err != nil {
				return err
			}
			now, err := a.Service.Place(ctx, args[0])
			if err == nil {
				err = now.Unread()
			}
			if err != nil {
				return err
			}
			set, err := f.read(ctx, p, now.Settings)
			if err != nil {
				return err
			}
			return p.keepPlace(ctx, a, "place_change", backup.PlaceChange{Version: now.Version(), Settings: set, AccessKey: f.credentials[0], SecretKey: f.credentials[1]})
		},
	}
	f.add(c)
	return c
}

// keepPlace makes or changes a place, and records it.
func (p *program) keepPlace(ctx context.Context, a *app.App, action string, change backup.PlaceChange) error {
	kept, err := a.Service.KeepPlace(ctx, change, actor())
	p.acted(ctx, a, action, "", err, map[string]string{"place": change.Settings.Name})
	if err != nil {
		return err
	}
	return p.print(map[string]any{"place": kept.Name, "where": kept.Where, "version": kept.Version()}, func() error {
		return p.printf("%s location %s is kept; look whether copies can be made there: cofre place test %s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(kept.Name), source.Quote(kept.Name))
	})
}

func (p *program) placeRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Aliases: []string{"rm"}, Short: "Remove a second location",
		Long:    `Removes a second location from the backup directory. The copies there are not deleted.`,
		Example: `  cofre place remove elsewhere`,
		Args:    arguments(1, 1, "a location's name"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			gone, err := a.Service.RemovePlace(cmd.Context(), args[0], actor())
			p.acted(cmd.Context(), a, "place_remove", "", err, map[string]string{"place": args[0], "where": gone.Where})
			if err != nil {
				return err
			}
			return p.print(map[string]any{"place": args[0], "where": gone.Where}, func() error {
				left := ""
				if gone.Where != "" {
					left = "; what was copied there stays in " + term.Clean(gone.Where)
				}
				return p.printf("%s location %s is removed%s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(args[0]), left)
			})
		},
	}
}
