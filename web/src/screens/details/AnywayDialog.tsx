// A file that is no good backup is downloaded only by whoever was told so.

import type { Backup } from "../../api/client";
import { Icon } from "../../components/basics";
import { Dialog } from "../../components/Dialog";
import { partText } from "../../components/Part";
import { useText } from "../../i18n";
import { useDetailsWords } from "../../i18n/details";
import { standingOf } from "../restore/order";

export function AnywayDialog({ backup: b, onGo, onClose }: { backup: Backup; onGo: () => void; onClose: () => void }) {
  const { t } = useText();
  const w = useDetailsWords().anyway;
  const standing = standingOf(b);
  return (
    <Dialog
      title={w.title}
      onClose={onClose}
      footer={<><button type="button" onClick={onClose}>{w.back}</button><button type="button" className={standing === "damaged" ? "danger" : undefined} onClick={onGo}><Icon name="download" />{w.go}</button></>}
    >
      <p>{standing === "damaged" ? w.damaged : standing === "partial" ? w.partial(partText(t, b)) : w.unverified}</p>
      <p><code>{b.filename}</code></p>
    </Dialog>
  );
}
