// Package audit keeps the audit trail in the bucket: who did what, append-only, each record chained to the one before.
//
//	trail := audit.New(store, audit.Options{Retention: 365 * 24 * time.Hour})
//	err := trail.Append(ctx, contract.AuditRecord{Actor: "7f3c", Action: "download", Outcome: "allowed", Resource: id})
//
// # The chain
//
// There is one chain over all writers. Record n is the object audit/<n in 12 digits>.json, written only if nothing has that
// name: so two writers never take the same place, and the one who comes second chains to the first's record and takes the
// next place. A record is one line of JSON: the fields of the API's AuditRecord and "sequence" (n), by name in byte order, without
// spaces. "previous" is the "hash" of record n-1 (64 zeros for the first), and "hash" is the SHA-256 of the line without the field
// "hash" and without its end. Texts hold no control characters, so that other programs write the same JSON:
//
//	jq -cjS 'del(.hash)' audit/000000000042.json | sha256sum
//
// audit/head.json says how far the chain goes, so that it shows when the newest records are removed, and so that a start needs
// two requests and not a walk. It is moved on after each record, by compare-and-swap, and may lag behind by the last few.
//
// # What it proves
//
// [Trail.Verify] finds each record that was changed, removed, put in, or moved, also at either end. Somebody who may write to the
// bucket could compute the whole chain anew from some record on. Two things stand against that: object lock, which the trail
// uses where the bucket has it (see storage.PutOptions.RetainUntil), and the newest hash, kept somewhere else.
//
// # Retention
//
// [Trail.Trim] removes the oldest records, and says so in a record of its own, action audit_trim. Its detail names the last
// record removed (up_to_sequence) and that one's hash (up_to_hash), so Verify accepts exactly this beginning and no other.
package audit
