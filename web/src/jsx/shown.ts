// What is shown is shown as it is. The names and texts of databases, records and people may hold characters that turn a text around, or that nobody
// sees, and so pass for others. Whatever stands in an element, or in an attribute that is read, has them written out: here, once, and not wherever
// somebody thinks of it. tsconfig.json and vite.config.ts make every element by this folder.

import { straight } from "../names";

/** read are the attributes that people see or hear. What is in a field, or in an address, is not among them: it is taken as it is. */
const read = ["title", "aria-label", "placeholder", "alt"];

function plain(of: unknown): unknown {
  if (typeof of === "string") return straight(of);
  if (!Array.isArray(of)) return of;
  const all = of.map(plain);
  return all.some((x, i) => x !== of[i]) ? all : of;
}

/** shown gives the properties of an element as they are to be seen. A component's own are left alone: it makes elements of them. */
export function shown<P>(type: unknown, props: P): P {
  if (typeof type !== "string") return props;
  let all = props as Record<string, unknown>;
  for (const name of ["children", ...read]) {
    const is = all[name];
    const told = is === undefined ? is : plain(is);
    if (told !== is) all = { ...all, [name]: told };
  }
  return all as P;
}
