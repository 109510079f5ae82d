// The form of a source that is kept in the backup directory: made, tried out before it is saved, changed, paused, removed.

import { useMemo, useState, type FormEvent } from "react";
import { usePlaces } from "../../api/kept";
import { useSourceActions, type Source, type SourceDetails, type SourceList, type SourceSettings } from "../../api/sources";
import { Badge, Icon } from "../../components/basics";
import { Missing } from "../../components/states";
import { TypedRetention } from "../../charts/SourceRetention";
import { readersZone } from "../../format";
import { useKeptWords } from "../../i18n/kept";
import { secretOf, type SecretDraft } from "./secret";
import { address, Changed, RemoveDialog, Refused, sayThere, Trouble, useGuard, useWrong } from "./parts";
import { connectionOf, draftOf, newConnection, newSource, settingsOf, type ConnectionDraft, type SourceDraft } from "./source";
import { ConnectionFields, CopiesFields, DatabasesFields, MoreFields, RetentionFields, ScheduleFields, WatchFields } from "./SourceFields";
import { SourceFound } from "./SourceFound";
import { useDraftSchedule } from "./Runs";
import { connectionText } from "./SourcePage";

/** The keys that a field stands for. */
const keys = ["name", "connection", "databases", "schedule", "zone", "maxAge", "proofs", "proofTimeout", "retention", "copies", "format", "rows", "jobs", "maxSizeGB", "thresholds", "tags", "objectLock", "ping"];

/** What a setter of the form takes. */
export type SetSource = (change: Partial<SourceDraft>) => void;

export function SourceForm({ all, given, shown, reload }: { all: SourceList; given: SourceDetails | undefined; shown: Source | undefined; reload?: () => void }) {
  const w = useKeptWords();
  const places = usePlaces();
  const { create, put, remove, test } = useSourceActions();
  const before = useMemo(() => (given ? draftOf(given.settings) : newSource(readersZone())), [given]);
  const [draft, setDraft] = useState(before);
  const [connection, setConnection] = useState<ConnectionDraft>({ ...newConnection, how: given ? "keep" : all.secretsKept ? "url" : "env" });
  const firstPing: SecretDraft = { how: given?.pinged ? "keep" : "none", text: "" };
  const [ping, setPing] = useState(firstPing);
  const [removing, setRemoving] = useState(false);
  const set: SetSource = (change) => setDraft((d) => ({ ...d, ...change }));

  const planned = useDraftSchedule(all, draft);
  const settings = settingsOf(draft);
  const touched = JSON.stringify(draft) !== JSON.stringify(before) || ping.how !== firstPing.how || (given ? connection.how !== "keep" : connection.host !== "" || connection.password !== "");
  const [asking, leave] = useGuard(touched && !create.isSuccess);
  const saving = create.isPending || put.isPending;
  const error = given ? put.error : create.error;
  // A test tells of the same fields as saving does.
  const wrong = useWrong(error ?? test.error, keys);
  const reached = connectionOf(connection);
  const told = secretOf(ping);

  const save = (changed: SourceSettings) => {
    test.reset();
    if (!given) {
      create.mutate({ settings: changed, connection: reached!, ...(told ? { ping: told } : {}) }, { onSuccess: (made) => leave(address("sources", made.name)) });
      return;
    }
    put.mutate({ name: given.name, body: {
      version: given.version ?? "", settings: changed, ...(reached ? { connection: reached } : {}), ...(told ? { ping: told } : {}), ...(ping.how === "none" && given.pinged ? { noPing: true } : {}),
    } });
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    save(settings);
  };
  const tryOut = () => {
    create.reset();
    put.reset();
    test.mutate({ ...(given ? { name: given.name } : {}), settings, ...(reached ? { connection: reached } : {}) });
  };
  /** Pausing is one click, and saves nothing else that was typed. */
  const pause = () => given && save({ ...given.settings, paused: !given.settings.paused });

  return (
    <form className="create" onSubmit={submit} ref={wrong.form} noValidate={false}>
      <div>
        <Trouble of={given} />
        {given && draft.paused && <p className="notice none"><Icon name="stop" /><span>{w.sources.pausedSince}</span></p>}
        <ConnectionFields naming={!given} draft={draft} set={set} connection={connection} setConnection={setConnection} given={given?.connection} kept={all.secretsKept} wrong={wrong.of} />
        <DatabasesFields draft={draft} set={set} wrong={wrong.of} />
        <ScheduleFields draft={draft} set={set} wrong={wrong.of} all={all}
          saved={JSON.stringify(draft.schedule) === JSON.stringify(before.schedule) && draft.zone === before.zone ? shown : undefined} />
        <WatchFields draft={draft} set={set} wrong={wrong.of} />
        <RetentionFields draft={draft} set={set} wrong={wrong.of}>
          {given && !draft.follows && <TypedRetention typed={settings} saved={given.settings} />}
        </RetentionFields>
        <CopiesFields draft={draft} set={set} wrong={wrong.of} places={places.data?.places.map((p) => p.name) ?? []} />
        <MoreFields draft={draft} set={set} wrong={wrong.of} ping={ping} setPing={setPing} kept={all.secretsKept} pinged={given?.pinged ?? false} />
      </div>
      <div className="card plan">
        <h2>{draft.name.trim() || w.sources.addTitle} {given?.settings.paused && <Badge tone="none" icon="stop">{w.sources.paused}</Badge>}</h2>
        {given && <p className="detail">{connectionText(w, given.connection)}</p>}
        <p>{planned.words}</p>
        <div className="apart"><SourceFound test={wrong.told ? { ...test, error: null } as typeof test : test} /></div>
        <Refused error={error ?? (wrong.told ? test.error : undefined)} told={wrong.told} {...(reload ? { reload: () => { put.reset(); reload(); } } : {})} />
        <div className="actions">
          <button type="submit" className="primary" disabled={saving || (given !== undefined && !touched)}>{saving ? w.actions.saving : w.actions.save}</button>
          <button type="button" disabled={test.isPending} onClick={tryOut}>{test.isPending ? w.actions.testing : w.actions.test}</button>
          <span role="status">{put.isSuccess && !touched ? w.actions.saved : ""}</span>
        </div>
        <p className="hint apart">{w.sources.testHint}</p>
        {given && (
          <div className="actions apart">
            {!given.settings.paused && <a className="button" href={`#/new?source=${encodeURIComponent(given.name)}`}>{w.sources.backUp}</a>}
            <button type="button" disabled={saving || touched} onClick={pause}>{given.settings.paused ? w.actions.resume : w.actions.pause}</button>
            <button type="button" className="danger-text" onClick={() => setRemoving(true)}>{w.actions.remove}</button>
          </div>
        )}
        {given && <p className="hint apart">{w.sources.pauseText}</p>}
        <Changed of={given?.changed} />
      </div>
      {removing && given && <RemoveDialog kind="sources" name={given.name} busy={remove.isPending} error={remove.error} onClose={() => setRemoving(false)}
        onRemove={() => remove.mutate(given.name, { onSuccess: (gone) => { sayThere(w.sources.removed(gone.name, gone.backups)); leave("/settings/sources"); } })} />}
      {asking}
      <Missing query={places} />
    </form>
  );
}
