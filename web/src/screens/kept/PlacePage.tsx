// One second location: a form for who may change it, and otherwise what it is set to.

import { useMemo, useState, type FormEvent } from "react";
import { usePlace, usePlaceActions, usePlaces, type Place, type PlaceCredentials, type PlaceDetails, type PlaceSettings } from "../../api/kept";
import { useMay } from "../../api/context";
import { Facts } from "../../components/basics";
import { useKeptWords } from "../../i18n/kept";
import { address, Changed, ReadOnly, RemoveDialog, Refused, OnePage, sayThere, SecretField, secretText, Text, Radios, Trouble, useGuard, useWrong } from "./parts";
import { PlaceFound } from "./PlaceFound";
import { Behind } from "./PlaceList";
import { secretOf, type SecretDraft } from "./secret";

const keys = ["name", "directory", "endpoint", "region", "storageClass", "credentials", "accessKey", "secretKey"];

export function PlacePage({ name }: { name: string | undefined }) {
  const mayChange = useMay()("places");
  const one = usePlace(name ?? "", mayChange && name !== undefined);
  return (
    <OnePage kind="places" name={name} all={usePlaces()} one={one} items={(all) => all.places}
      form={({ secretsKept }, d, place) => (d === undefined
        ? <PlaceForm given={undefined} shown={undefined} kept={secretsKept} />
        : d.editable && d.settings && <PlaceForm key={d.version} given={{ ...d, settings: d.settings }} shown={place} kept={secretsKept} reload={() => one.refetch()} />)}
      shown={(place, details) => <Shown of={place} details={details} />} />
  );
}

function Shown({ of: p, details }: { of: Place | undefined; details: PlaceDetails | undefined }) {
  const w = useKeptWords();
  const of = details ?? p;
  const s = details?.settings;
  const kind = p?.kind ?? (s?.directory.startsWith("/") ? "directory" : "s3");
  return (
    <>
      {of && <ReadOnly origin={of.origin} editable={of.editable} />}
      <Trouble of={of} />
      <section className="card">
        <Facts of={[
          [kind === "directory" ? w.places.folder : w.places.directory, s && <code>{s.directory}</code>],
          [w.places.endpoint, s?.endpoint], [w.places.region, s?.region],
          [w.places.storageClass, s?.storageClass ?? p?.storageClass],
          [w.places.accessKey, kind === "s3" && details?.accessKey && secretText(w, details.accessKey)],
          [w.places.secretKey, kind === "s3" && details?.secretKey && secretText(w, details.secretKey)],
          [w.places.of, p && (p.sources.length ? <>{p.sources.map((x) => x.name).join(", ")} <Behind of={p} /></> : w.places.unused)],
        ]} />
        <Changed of={details?.changed} />
      </section>
    </>
  );
}

type Draft = Record<"name" | "directory" | "endpoint" | "region" | "storageClass", string>;

const placeDraft = (s: PlaceSettings): Draft => ({ name: s.name, directory: s.directory, endpoint: s.endpoint ?? "", region: s.region ?? "", storageClass: s.storageClass ?? "" });

function placeSettings(d: Draft): PlaceSettings {
  const [name, directory, endpoint, region, storageClass] = [d.name, d.directory, d.endpoint, d.region, d.storageClass].map((x) => x.trim()) as [string, string, string, string, string];
  return { name, directory, ...(endpoint ? { endpoint } : {}), ...(region ? { region } : {}), ...(storageClass ? { storageClass } : {}) };
}

function PlaceForm({ given, shown, kept, reload }: { given: (PlaceDetails & { settings: PlaceSettings }) | undefined; shown: Place | undefined; kept: boolean; reload?: () => void }) {
  const w = useKeptWords();
  const { create, put, remove, test } = usePlaceActions();
  const before = useMemo(() => placeDraft(given?.settings ?? { name: "", directory: "s3://" }), [given]);
  const [d, setDraft] = useState(before);
  const typed: SecretDraft = kept ? { how: "value", text: "" } : { how: "env", text: "COFRE_" };
  const first = given ? "keep" : "own";
  const [which, setWhich] = useState<"keep" | "server" | "own">(first);
  const [access, setAccess] = useState(typed);
  const [secret, setSecret] = useState(typed);
  const [removing, setRemoving] = useState(false);
  const set = (change: Partial<Draft>) => setDraft((x) => ({ ...x, ...change }));

  const moved = given !== undefined && d.endpoint.trim() !== before.endpoint;
  const touched = JSON.stringify(d) !== JSON.stringify(before) || which !== first || (which === "own" && (access.text !== typed.text || secret.text !== typed.text));
  const [asking, leave] = useGuard(touched && !create.isSuccess);
  const error = given ? put.error : create.error;
  const wrong = useWrong(error ?? test.error, keys);
  const saving = create.isPending || put.isPending;
  const [accessKey, secretKey] = [secretOf(access), secretOf(secret)];
  const credentials: PlaceCredentials | undefined = which === "own" && accessKey && secretKey ? { accessKey, secretKey } : undefined;
  const body = { settings: placeSettings(d), ...(credentials ? { credentials } : {}) };
  const own = given?.accessKey !== undefined && given.accessKey.kind !== "environment";

  const submit = (e: FormEvent) => {
    e.preventDefault();
    test.reset();
    if (given) put.mutate({ name: given.name, body: { version: given.version ?? "", ...body } });
    else create.mutate(body, { onSuccess: (made) => leave(address("places", made.name)) });
  };
  const tryOut = () => {
    create.reset();
    put.reset();
    test.mutate({ ...(given ? { name: given.name } : {}), ...body });
  };
  return (
    <form className="create" onSubmit={submit} ref={wrong.form}>
      <div className="card">
        <Trouble of={given} />
        {!given && <Text label={w.places.name} hint={w.places.nameHint} error={wrong.of("name")} value={d.name} required maxLength={63} onChange={(name) => set({ name })} />}
        <Text label={w.places.directory} hint={w.places.directoryHint} error={wrong.of("directory")} value={d.directory} required maxLength={4096} onChange={(directory) => set({ directory })} />
        <Text label={w.places.endpoint} hint={w.places.endpointHint} error={wrong.of("endpoint")} value={d.endpoint} onChange={(endpoint) => set({ endpoint })} />
        <div className="pair">
          <Text label={w.places.region} error={wrong.of("region")} value={d.region} onChange={(region) => set({ region })} />
          <Text label={w.places.storageClass} hint={w.places.storageClassHint} error={wrong.of("storageClass")} value={d.storageClass} onChange={(storageClass) => set({ storageClass })} />
        </div>
        {moved && own && which === "keep" && <p className="wrong">{w.places.again}</p>}
        <Radios legend={w.places.credentials} name="credentials" value={which} onChange={setWhich} options={[
          ...(given ? [["keep", w.actions.keep, given.accessKey && secretText(w, given.accessKey)] as const] : [["server", w.places.credentialsDefault] as const]),
          ["own", w.places.credentialsOwn] as const,
        ]} />
        {which === "own" && <SecretField label={w.places.accessKey} draft={access} set={setAccess} kept={kept} error={wrong.of("credentials.accessKey", "accessKey")} />}
        {which === "own" && <SecretField label={w.places.secretKey} draft={secret} set={setSecret} kept={kept} error={wrong.of("credentials.secretKey", "secretKey")} />}
        {wrong.of("credentials") && <p className="wrong">{wrong.of("credentials")}</p>}
      </div>
      <div className="card plan">
        <h2>{d.name.trim() || w.places.addTitle}</h2>
        {shown && <p><Behind of={shown} />{shown.sources.length > 0 && ` ${shown.sources.map((x) => x.name).join(", ")}`}</p>}
        <div className="apart"><PlaceFound test={wrong.told ? { ...test, error: null } : test} /></div>
        <Refused error={error ?? (wrong.told ? test.error : undefined)} told={wrong.told} {...(reload ? { reload: () => { put.reset(); reload(); } } : {})} />
        <div className="actions">
          <button type="submit" className="primary" disabled={saving || (given !== undefined && !touched)}>{saving ? w.actions.saving : w.actions.save}</button>
          <button type="button" disabled={test.isPending} onClick={tryOut}>{test.isPending ? w.actions.testing : w.actions.test}</button>
        </div>
        {given && <div className="actions apart"><button type="button" className="danger-text" onClick={() => setRemoving(true)}>{w.actions.remove}</button></div>}
        <Changed of={given?.changed} />
      </div>
      {removing && given && <RemoveDialog kind="places" name={given.name} busy={remove.isPending} error={remove.error} onClose={() => setRemoving(false)}
        onRemove={() => remove.mutate(given.name, { onSuccess: (gone) => { sayThere(w.places.removed(gone.name, gone.where)); leave("/settings/places"); } })} />}
      {asking}
    </form>
  );
}
