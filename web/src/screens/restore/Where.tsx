// Where to: a target, a way into one of its databases, and what becomes of owners, grants and roles.

import type { Backup } from "../../api/client";
import type { RestoreTarget } from "../../api/restores";
import { restoreCommand } from "../../cli";
import { Command, Field } from "../../components/basics";
import { useRestoreWords } from "../../i18n/restore";
import { asOf, choices, goodDatabase, mayRename, modeOf, proposedDatabase, type Draft } from "./order";
import { Check } from "../../components/Check";
import type { Setter } from "./What";

const lines = `targets:
  - name: staging
    connection:
      env: STAGING_URL
    allow: [new, replace, part]`;

/** NoTargets says how one is configured: that is done where cofre runs, and by nobody here. */
export function NoTargets({ backup: b }: { backup: Backup }) {
  const { page, targets: r } = useRestoreWords();
  return (
    <section className="card">
      <h2>{page.where}</h2>
      <p><strong>{r.none}</strong></p>
      <p>{r.what}</p>
      <p>{r.add}</p>
      <Command text={lines} what={r.copy} />
      <p>{r.secret}</p>
      <p>{r.meanwhile}</p>
      <Command text={restoreCommand(b)} what={page.command} />
    </section>
  );
}

export function Where({ backup: b, targets, target, draft, set }: { backup: Backup; targets: RestoreTarget[]; target: RestoreTarget; draft: Draft; set: Setter }) {
  const r = useRestoreWords().page;
  const mode = modeOf(draft, target);
  const database = draft.database ?? proposedDatabase(b, mode, draft.taken);
  const as = asOf(b, draft, mode);
  const typing = { autoComplete: "off", autoCapitalize: "none", spellCheck: false };
  return (
    <section className="card">
      <h2 id="where">{r.where}</h2>
      <Field label={r.target}>
        {(ids) => (
          <select {...ids} value={target.name} onChange={(e) => set({ target: e.target.value, taken: 0 })}>
            {targets.map((x) => <option key={x.name} value={x.name}>{x.name}</option>)}
          </select>
        )}
      </Field>
      <fieldset className="choice" aria-labelledby="where">
        {choices(draft).map((m, i) => {
          const allowed = target.modes.includes(m);
          return (
            <label key={m}>
              <input type="radio" name="where" value={m} checked={m === mode} disabled={!allowed} onChange={() => set({ mode: m, database: undefined, as: undefined, taken: 0 })} />
              <span>
                <span><strong>{r.modes[m][0]}</strong> {i === 0 && <span className="badge ok">{r.recommended}</span>}{m === "replace" && <span className="badge bad">{r.replaces}</span>}</span>
                <span className="hint">{allowed ? r.modes[m][1] : r.notAllowed(target.name)}</span>
              </span>
            </label>
          );
        })}
      </fieldset>
      <Field label={mode === "new" ? r.newDatabase : r.database} error={goodDatabase(database.trim()) ? undefined : r.badName}>
        {(ids) => <input {...ids} {...typing} value={database} maxLength={63} onChange={(e) => set({ database: e.target.value })} />}
      </Field>
      {mode === "part" && mayRename(draft) && (
        <Field label={r.as} hint={r.asHint}>
          {(ids) => <input {...ids} {...typing} value={draft.as ?? as ?? ""} maxLength={300} onChange={(e) => set({ as: e.target.value })} />}
        </Field>
      )}
      <details>
        <summary>{r.rights}</summary>
        {b.globals?.kept && <Check label={r.globals} hint={r.globalsHint} checked={draft.globals} onChange={(globals) => set({ globals })} />}
        <Check label={r.noOwner} hint={r.noOwnerHint} checked={draft.noOwner} onChange={(noOwner) => set({ noOwner })} />
        <Check label={r.noPrivileges} hint={r.noPrivilegesHint} checked={draft.noPrivileges} onChange={(noPrivileges) => set({ noPrivileges })} />
      </details>
    </section>
  );
}
