package registry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"cofre/pkg/storage"
)

// settingsCopy is settings.json: what a rebuild of registry.json takes the saved settings from. It is never read
// otherwise; registry.json alone says which settings count.
//
// A save marks the copy, swaps the index, and writes the copy clean, in this order. So a copy without a mark is what
// the index says, and one with a mark may be older: whoever dies in between leaves the mark, and the next Reconcile
// mends the copy. A rebuild does not believe a marked or a damaged copy; see recallSettings.
type settingsCopy struct {
	Version  int      `json:"version"`
	Settings Settings `json:"settings"`
	// Saving is the mark: random, so that no two writes are equal. "" when the copy is clean.
	Saving string `json:"saving,omitempty"`
}

// readSettingsCopy reads settings.json. What is not one is structure_damaged, one of a newer cofre newer_version.
func (r *Registry) readSettingsCopy(ctx context.Context) (settingsCopy, storage.Object, error) {
	data, o, err := r.get(ctx, SettingsKey)
	if err != nil {
		return settingsCopy{}, o, err
	}
	c, err := parseSettingsCopy(data)
	return c, o, err
}

func parseSettingsCopy(data []byte) (settingsCopy, error) {
	var c settingsCopy
	if err := decodeVersioned(SettingsKey, data, 0, &c); err != nil {
		return c, err
	}
	if s := c.Settings; c.Version < 1 || s.Lost || s.MaxBackups < 0 || s.RetentionDays < 0 {
		return c, damagedRecord(nil, SettingsKey)
	}
	return c, nil
}

// SaveSettings replaces the settings; from then on they count instead of what the environment says.
// agree is asked inside the compare-and-swap, with the index as it is before; its error ends the save and is returned. The
// settings are given as they were saved.
func (r *Registry) SaveSettings(ctx context.Context, s Settings, at time.Time, agree func(*Index) error) (Settings, error) {
	at = at.UTC().Truncate(time.Millisecond)
	var mark storage.Object
	wrote := false
	err := r.Update(ctx, func(x *Index) error {
		if wrote && sameSettings(x.Settings, s) {
			return nil // only the answer was lost
		}
		if err := agree(x); err != nil {
			return err
		}
		s.SavedAt, s.Lost, s.Copied = after(at, x.Settings.SavedAt), false, 0
		var err error
		mark, err = r.putJSON(ctx, SettingsKey, settingsCopy{Version: recordVersion, Settings: x.Settings, Saving: rand.Text()}, storage.Condition{})
		if err != nil {
			return fmt.Errorf("mark %s: %w", SettingsKey, err)
		}
		x.Settings, wrote = s, true
		return nil
	})
	switch {
	case err == nil:
		if cerr := r.putSettingsCopy(ctx, s, mark.ETag); cerr != nil {
			r.log.Warn("copy of the settings not written; the next cleanup does it", "key", SettingsKey, "error", cerr.Error())
		}
	case mark.ETag != "" && ctx.Err() == nil: // somebody else was faster, and this mark may stand above his copy
		if cerr := r.mendSettings(ctx); cerr != nil {
			r.log.Warn("copy of the settings not mended; the next cleanup does it", "key", SettingsKey, "error", cerr.Error())
		}
	}
	return s, err
}

// Version names a state of the settings: others have another one.
func (s Settings) Version() string {
	s.Copied = 0
	data, err := json.Marshal(s)
	if err != nil {
		return "" // not of this type
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))[:16]
}

// after gives at, or the moment behind before where a clock says that at is not later: each save has a date of its own.
func after(at time.Time, before *time.Time) *time.Time {
	if before != nil && !at.After(*before) {
		at = before.Add(time.Millisecond)
	}
	return &at
}

func sameSettings(a, b Settings) bool {
	a.Copied, b.Copied = 0, 0
	return equalJSON(a, b)
}

// putSettingsCopy writes the copy clean, in place of the one with this ETag, "" for none. When another one stands there
// by now, its writer goes on with it.
func (r *Registry) putSettingsCopy(ctx context.Context, s Settings, etag string) error {
	_, err := r.putJSON(ctx, SettingsKey, settingsCopy{Version: recordVersion, Settings: s}, storage.Condition{IfMatch: etag, IfAbsent: etag == ""})
	if storage.IsPrecondition(err) || storage.IsNotFound(err) {
		return nil
	}
	return err
}

// mendSettings makes settings.json agree with the index where a save died in between, where a cofre that did not write
// it has saved, or where it was damaged. The order is what makes it safe: the copy is read first, then the index is
// changed, so that a save whose mark was read has either taken place by then or must begin anew, with a new mark.
func (r *Registry) mendSettings(ctx context.Context) error {
	c, o, err := r.readSettingsCopy(ctx)
	if err != nil && !storage.IsNotFound(err) && !isDamaged(err) {
		return fmt.Errorf("look at %s: %w", SettingsKey, err)
	}
	x, lerr := r.Load(ctx)
	switch {
	case lerr != nil:
		return lerr
	case x.Settings.Lost: // what is there stays as it is, for people to look at
		return nil
	case err == nil && c.Saving == "" && equalJSON(c.Settings, x.Settings):
		return nil
	case storage.IsNotFound(err) && x.Settings.SavedAt == nil: // nobody has saved any
		return nil
	}
	var now Settings
	err = r.Update(ctx, func(x *Index) error {
		if !x.Settings.Lost {
			x.Settings.Copied++
		}
		now = x.Settings
		return nil
	})
	if err == nil && !now.Lost {
		err = r.putSettingsCopy(ctx, now, o.ETag)
	}
	if err != nil {
		return fmt.Errorf("mend %s: %w", SettingsKey, err)
	}
	return nil
}

// recallSettings gives an index that is being rebuilt the settings that were saved. What could be read of a damaged
// registry.json counts where it is newer than the copy. Where neither can be believed the settings are lost: the index
// then keeps everything, and cleaning up is refused, until somebody saves them again.
func (r *Registry) recallSettings(ctx context.Context, x *Index) error {
	c, _, err := r.readSettingsCopy(ctx)
	salvaged := x.Settings.SavedAt
	switch {
	case storage.IsNotFound(err):
		return nil
	case err != nil && !isDamaged(err):
		return fmt.Errorf("read %s: %w", SettingsKey, err)
	case err == nil && c.Saving == "":
		if saved := c.Settings.SavedAt; saved != nil && (salvaged == nil || !saved.Before(*salvaged)) {
			x.Settings = c.Settings
		}
		return nil
	case salvaged != nil:
		return nil
	}
	x.Settings = Settings{DefaultDirectory: r.defaults.DefaultDirectory, SavedAt: new(time.Time), Lost: true}
	why := "a save was interrupted"
	if err != nil {
		why = err.Error()
	}
	r.log.Warn("saved settings lost: nothing is removed until they are saved again", "key", SettingsKey, "why", why)
	return nil
}

// CheckSettings returns an error, settings_lost, when a rebuild could not tell which settings had been saved.
func (x *Index) CheckSettings() error { return x.Settings.check() }
