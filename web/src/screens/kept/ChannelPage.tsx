// One channel: a form for who may change it, and otherwise what it is set to.

import { useMemo, useState, type FormEvent } from "react";
import { useChannel, useChannelActions, useChannels, type Channel, type ChannelDetails, type ChannelSettings } from "../../api/kept";
import { useMay } from "../../api/context";
import { Facts, word } from "../../components/basics";
import { useKeptWords } from "../../i18n/kept";
import { ChannelFound } from "./ChannelFound";
import { address, Changed, ReadOnly, RemoveDialog, Refused, OnePage, sayThere, secretText, SecretField, Select, Text, Radios, Trouble, useGuard, useWrong } from "./parts";
import { secretOf, type SecretDraft } from "./secret";

const keys = ["name", "kind", "where", "key", "chat", "from", "to", "topic", "bus", "severity", "events", "sources", "language", "digest"];
const onAws = (kind: string) => kind === "sns" || kind === "eventbridge"; // these have no address, and no secret
const list = (of: string) => of.split(/[,\n]/).map((x) => x.trim()).filter(Boolean);

export function ChannelPage({ name }: { name: string | undefined }) {
  const mayChange = useMay()("channels");
  const one = useChannel(name ?? "", mayChange && name !== undefined);
  return (
    <OnePage kind="channels" name={name} all={useChannels()} one={one} items={(all) => all.channels}
      form={({ secretsKept }, d) => (d === undefined
        ? <ChannelForm given={undefined} kept={secretsKept} />
        : d.editable && d.settings && <ChannelForm key={d.version} given={{ ...d, settings: d.settings }} kept={secretsKept} reload={() => one.refetch()} />)}
      shown={(channel, details) => <Shown of={channel} details={details} />} />
  );
}

function Shown({ of: c, details }: { of: Channel | undefined; details: ChannelDetails | undefined }) {
  const w = useKeptWords();
  const of = details ?? c;
  const s = details?.settings;
  return (
    <>
      {of && <ReadOnly origin={of.origin} editable={of.editable} />}
      <Trouble of={of} />
      <section className="card">
        <Facts of={[
          [w.channels.kind, c && word(w.channels.kinds, c.kind)],
          [w.channels.where.webhook, details?.where && secretText(w, details.where)],
          [w.channels.where.sns, s?.topic], [w.channels.where.eventbridge, s?.bus],
          [w.channels.key, details?.key && secretText(w, details.key)],
          [w.channels.chat, s?.chat], [w.channels.from, s?.from], [w.channels.to, s?.to?.join(", ")],
          [w.channels.severity, c && w.channels.severities[c.severity]],
          [w.channels.events, c?.events.map((e) => word(w.channels.event, e)).join(", ")],
          [w.channels.sources, c?.sources.join(", ")],
          [w.channels.digest, c?.digest && w.channels.digests[c.digest]],
        ]} />
        <Changed of={details?.changed} />
      </section>
    </>
  );
}

interface Draft {
  name: string; kind: ChannelSettings["kind"]; severity: NonNullable<ChannelSettings["severity"]>; some: boolean; events: string[]; sources: string;
  language: "" | "en" | "pt-BR"; digest: "" | "daily" | "weekly"; chat: string; from: string; to: string; arn: string;
}

/** channelDraft and channelSettings are each other's inverse. */
export const channelDraft = (s: ChannelSettings): Draft => ({
  name: s.name, kind: s.kind, severity: s.severity ?? "warning", some: (s.events?.length ?? 0) > 0, events: s.events ?? [], sources: s.sources?.join(", ") ?? "",
  language: s.language ?? "", digest: s.digest ?? "", chat: s.chat ?? "", from: s.from ?? "", to: s.to?.join(", ") ?? "", arn: s.topic ?? s.bus ?? "",
});

export function channelSettings(d: Draft): ChannelSettings {
  const sources = list(d.sources);
  return {
    name: d.name.trim(), kind: d.kind, severity: d.severity,
    ...(d.some ? { events: d.events } : {}), ...(sources.length ? { sources } : {}), ...(d.language ? { language: d.language } : {}), ...(d.digest ? { digest: d.digest } : {}),
    ...(d.kind === "telegram" ? { chat: d.chat.trim() } : {}), ...(d.kind === "email" ? { from: d.from.trim(), to: list(d.to) } : {}),
    ...(d.kind === "sns" ? { topic: d.arn.trim() } : {}), ...(d.kind === "eventbridge" ? { bus: d.arn.trim() } : {}),
  };
}

function ChannelForm({ given, kept, reload }: { given: (ChannelDetails & { settings: ChannelSettings }) | undefined; kept: boolean; reload?: () => void }) {
  const w = useKeptWords();
  const { create, put, remove, attempt } = useChannelActions();
  const before = useMemo(() => channelDraft(given?.settings ?? { name: "", kind: "slack" }), [given]);
  const [d, setDraft] = useState(before);
  const firstWhere: SecretDraft = given ? { how: "keep", text: "" } : kept ? { how: "value", text: "" } : { how: "env", text: "COFRE_" };
  const firstKey: SecretDraft = { how: given?.key ? "keep" : "none", text: "" };
  const [where, setWhere] = useState(firstWhere);
  const [key, setKey] = useState(firstKey);
  const [removing, setRemoving] = useState(false);
  const set = (change: Partial<Draft>) => setDraft((x) => ({ ...x, ...change }));

  const secrets = JSON.stringify([where, key]) !== JSON.stringify([firstWhere, firstKey]);
  const touched = JSON.stringify(d) !== JSON.stringify(before) || secrets;
  const [asking, leave] = useGuard(touched && !create.isSuccess);
  const error = given ? put.error : create.error;
  const wrong = useWrong(error ?? attempt.error, keys);
  const saving = create.isPending || put.isPending;
  const settings = channelSettings(d);
  const told = onAws(d.kind) ? undefined : secretOf(where);
  const signed = d.kind === "webhook" ? secretOf(key) : undefined;
  const body = { settings, ...(told ? { where: told } : {}), ...(signed ? { key: signed } : {}) };

  const submit = (e: FormEvent) => {
    e.preventDefault();
    attempt.reset();
    if (given) put.mutate({ name: given.name, body: { version: given.version ?? "", ...body } });
    else if (told || onAws(d.kind)) create.mutate(body, { onSuccess: (made) => leave(address("channels", made.name)) });
  };
  const tryOut = () => {
    create.reset();
    put.reset();
    attempt.mutate({ ...(given ? { name: given.name } : {}), ...body });
  };
  const kinds = Object.entries(w.channels.kinds) as [Draft["kind"], string][];
  return (
    <form className="create" onSubmit={submit} ref={wrong.form}>
      <div className="card">
        <Trouble of={given} />
        {!given && <Text label={w.channels.name} hint={w.channels.nameHint} error={wrong.of("name")} value={d.name} required maxLength={63} onChange={(name) => set({ name })} />}
        <Select label={w.channels.kind} error={wrong.of("kind")} value={d.kind} options={kinds} onChange={(kind) => { set({ kind }); if (where.how === "keep") setWhere({ how: kept ? "value" : "env", text: kept ? "" : "COFRE_" }); }} />
        {onAws(d.kind)
          ? <Text label={w.channels.where[d.kind]} hint={w.channels.whereHint[d.kind]} error={wrong.of("topic") ?? wrong.of("bus")} value={d.arn} required onChange={(arn) => set({ arn })} />
          : <SecretField label={w.channels.where[d.kind]} hint={w.channels.whereHint[d.kind]} draft={where} set={setWhere} kept={kept} keepable={given !== undefined && d.kind === before.kind} error={wrong.of("where")} />}
        {d.kind === "telegram" && <Text label={w.channels.chat} hint={w.channels.chatHint} error={wrong.of("chat")} value={d.chat} required onChange={(chat) => set({ chat })} />}
        {d.kind === "email" && <Text label={w.channels.from} error={wrong.of("from")} value={d.from} required onChange={(from) => set({ from })} />}
        {d.kind === "email" && <Text label={w.channels.to} hint={w.channels.toHint} error={wrong.of("to")} value={d.to} required onChange={(to) => set({ to })} />}
        {/* A new address comes with its key, or without one. */}
        {d.kind === "webhook" && <SecretField label={w.channels.key} hint={w.channels.keyHint} draft={where.how !== "keep" && key.how === "keep" ? { how: "none", text: "" } : key} set={setKey} kept={kept} optional keepable={given?.key !== undefined && where.how === "keep"} error={wrong.of("key")} />}
        <Select label={w.channels.severity} error={wrong.of("severity")} value={d.severity} onChange={(severity) => set({ severity })} options={[["info", w.channels.severities.info], ["warning", w.channels.severities.warning], ["critical", w.channels.severities.critical]]} />
        <Radios legend={w.channels.events} name="events" value={d.some ? "some" : "all"} onChange={(v) => set({ some: v === "some" })} options={[["all", w.channels.eventsAll], ["some", w.channels.eventsSome]]} />
        {d.some && (
          <fieldset className="boxes">
            <legend className="hidden">{w.channels.eventsSome}</legend>
            {Object.entries(w.channels.event).map(([kind, text]) => (
              <label key={kind}>
                <input type="checkbox" checked={d.events.includes(kind)} onChange={(e) => set({ events: e.target.checked ? [...d.events, kind] : d.events.filter((x) => x !== kind) })} />
                <span>{text}</span>
              </label>
            ))}
          </fieldset>
        )}
        {wrong.of("events") && <p className="wrong">{wrong.of("events")}</p>}
        <Text label={w.channels.sources} hint={w.channels.sourcesHint} error={wrong.of("sources")} value={d.sources} onChange={(sources) => set({ sources })} />
        <div className="pair">
          <Select label={w.channels.digest} error={wrong.of("digest")} value={d.digest} onChange={(digest) => set({ digest })} options={[["", w.channels.digests[""]], ["daily", w.channels.digests.daily], ["weekly", w.channels.digests.weekly]]} />
          <Select label={w.channels.language} error={wrong.of("language")} value={d.language} onChange={(language) => set({ language })} options={[["", w.channels.languageDefault], ["pt-BR", "Português"], ["en", "English"]]} />
        </div>
      </div>
      <div className="card plan">
        <h2>{d.name.trim() || w.channels.addTitle}</h2>
        {given?.where && <p>{w.channels.where[before.kind]}: {secretText(w, given.where)}</p>}
        <div className="apart"><ChannelFound test={wrong.told ? { ...attempt, error: null } : attempt} /></div>
        <Refused error={error ?? (wrong.told ? attempt.error : undefined)} told={wrong.told} {...(reload ? { reload: () => { put.reset(); reload(); } } : {})} />
        <div className="actions">
          <button type="submit" className="primary" disabled={saving || (given !== undefined && !touched)}>{saving ? w.actions.saving : w.actions.save}</button>
          <button type="button" disabled={attempt.isPending} onClick={tryOut}>{attempt.isPending ? w.actions.testing : w.actions.test}</button>
        </div>
        <p className="hint apart">{w.channels.testHint}</p>
        {given && <div className="actions apart"><button type="button" className="danger-text" onClick={() => setRemoving(true)}>{w.actions.remove}</button></div>}
        <Changed of={given?.changed} />
      </div>
      {removing && given && <RemoveDialog kind="channels" name={given.name} busy={remove.isPending} error={remove.error} onClose={() => setRemoving(false)}
        onRemove={() => remove.mutate(given.name, { onSuccess: (gone) => { sayThere(w.channels.removed(gone.name, gone.waiting)); leave("/settings/channels"); } })} />}
      {asking}
    </form>
  );
}
