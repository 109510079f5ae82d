// jsx-runtime.ts for tests and development.

import type { ElementType, Key } from "react";
import * as react from "react/jsx-dev-runtime";
import { shown } from "./shown";

export type { JSX } from "react/jsx-dev-runtime";
export const Fragment = react.Fragment;
export const jsxDEV = (type: ElementType, props: object, key: Key | undefined, isStatic: boolean, source?: react.JSXSource, self?: unknown) =>
  react.jsxDEV(type, shown(type, props), key, isStatic, source, self);
