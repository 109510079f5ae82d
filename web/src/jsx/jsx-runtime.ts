// How elements are made in what is delivered: React's own way, with what is shown made plain.

import type { ElementType, Key } from "react";
import * as react from "react/jsx-runtime";
import { shown } from "./shown";

export type { JSX } from "react/jsx-runtime";
export const Fragment = react.Fragment;
export const jsx = (type: ElementType, props: object, key?: Key) => react.jsx(type, shown(type, props), key);
export const jsxs = (type: ElementType, props: object, key?: Key) => react.jsxs(type, shown(type, props), key);
