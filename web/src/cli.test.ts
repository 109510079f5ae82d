import { expect, test } from "vitest";
import { checksumCommand, createCommand, quote, restoreCommand, rowsCommand, stockCommand, tableName } from "./cli";
import { backup } from "./test/world";

test("words for a shell are quoted when they have to be", () => {
  expect(quote("plain-1.dump")).toBe("plain-1.dump");
  expect(quote("two words")).toBe("'two words'");
  expect(quote("it's; rm -rf $HOME")).toBe(`'it'\\''s; rm -rf $HOME'`);
  expect(quote("")).toBe("''");
});

test("the command asks for what the form asks for", () => {
  expect(createCommand({})).toBe("cofre create");
  expect(
    createCommand({ database: "crm", source: "crm lisbon", directory: "nightly", filename: "before upgrade", includeData: false, format: "plain", compression: "zstd:9", jobs: 2, encrypt: false, labels: { why: "it's time" } }),
  ).toBe(`cofre create --database crm --source 'crm lisbon' -o nightly -n 'before upgrade' --schema-only --format plain --compression zstd:9 --jobs 2 --encrypt=false --label 'why=it'\\''s time'`);
  expect(createCommand({ includeSchema: false, rows: "binary", encrypt: true })).toBe("cofre create --data-only --rows binary --encrypt");
});

test("a table is named so that no other is meant, in the API and in a shell", () => {
  const b = backup({ id: "01JZ8Q4M9T4Y3V6K2W1X0N5BCD" });
  expect(tableName({ schema: "a.b", name: `o'"x` })).toBe(`"a.b"."o'""x"`);
  expect(rowsCommand(b, { schema: "public", name: "orders" })).toBe("cofre rows 01JZ8Q4M9T4Y3V6K2W1X0N5BCD public.orders > orders.csv");
  expect(rowsCommand(b, { schema: "a.b", name: "o'x/é" })).toBe(`cofre rows 01JZ8Q4M9T4Y3V6K2W1X0N5BCD '"a.b"."o'\\''x/é"' > 'o_x_é.csv'`);
});

test("a file is restored with stock tools, whatever its format", () => {
  const b = backup({ id: "01JZ8Q4M9T4Y3V6K2W1X0N5BCD", filename: "x.dump" });
  expect(restoreCommand(b)).toBe('cofre restore 01JZ8Q4M9T4Y3V6K2W1X0N5BCD --to "$TARGET_DATABASE_URL"');
  expect(stockCommand(b)).toBe('pg_restore -d "$TARGET_DATABASE_URL" x.dump');
  expect(stockCommand({ ...b, encryption: "age", filename: "x.dump.age" })).toBe('age -d -i key.txt x.dump.age | pg_restore -d "$TARGET_DATABASE_URL"');
  expect(stockCommand({ ...b, format: "plain", compression: "none", filename: "x.sql" })).toBe('psql -X -v ON_ERROR_STOP=1 -d "$TARGET_DATABASE_URL" -f x.sql');
  expect(stockCommand({ ...b, format: "plain", compression: "zstd:3", filename: "x.sql.zst" })).toBe('zstd -dc x.sql.zst | psql -X -v ON_ERROR_STOP=1 -d "$TARGET_DATABASE_URL"');
  expect(stockCommand({ ...b, format: "plain", compression: "gzip", encryption: "age", filename: "x.sql.gz.age" })).toBe(
    'age -d -i key.txt x.sql.gz.age | gzip -dc | psql -X -v ON_ERROR_STOP=1 -d "$TARGET_DATABASE_URL"',
  );
  expect(checksumCommand({ checksum: "ab12", filename: "x y.dump" })).toBe("echo 'ab12  x y.dump' | sha256sum -c");
});
