// A link to download a backup. Whoever has the link can read the file until it expires, so it is made when asked for,
// shown with its end, and forgotten.

import { useEffect } from "react";
import type { Backup } from "../api/client";
import { useActions } from "../api/queries";
import { checksumCommand } from "../cli";
import { useText } from "../i18n";
import { useMoreWords } from "../i18n/more";
import { Command, Icon, useNow } from "./basics";
import { CloseButton, Dialog } from "./Dialog";
import { Failed, Loading } from "./states";

export function DownloadDialog({ backup, onClose }: { backup: Backup; onClose: () => void }) {
  const { f } = useText();
  const w = useMoreWords().download;
  const { download } = useActions();
  const now = useNow(1_000);
  const ask = () => download.mutate(backup.id);
  useEffect(ask, [backup.id]);
  const link = download.data;
  const left = link ? link.until - now : 0;
  return (
    <Dialog title={w.title} onClose={onClose} footer={<CloseButton onClose={onClose} />}>
      {download.error ? <Failed error={download.error} retry={ask} /> : !link ? <Loading rows={2} /> : (
        <>
          <p><code>{link.filename}</code> <span className="muted">{f.bytes(link.size)}</span></p>
          {left > 0 ? (
            <>
              <p>
                {/* A navigation, not a fetch: the bytes go from storage to the disk. */}
                <a className="button primary" href={link.url} download={link.filename} rel="noreferrer"><Icon name="download" />{w.file}</a>
              </p>
              <p className="hint">{w.expires(f.clock(link.until), f.duration(left))}</p>
            </>
          ) : (
            <p>{w.expired} <button type="button" onClick={ask}>{w.again}</button></p>
          )}
          <h3>{w.check}</h3>
          <Command text={checksumCommand(link)} what={w.check} />
        </>
      )}
    </Dialog>
  );
}
