// What is shown when a part of the app breaks: that, and a way to go on, instead of an empty page.

import { Component, type ReactNode } from "react";
import { useText } from "../i18n";

/** Broken takes its words as arguments: the catalogue may be what is missing. */
export function Broken({ title, again, error }: { title: string; again: string; error: unknown }) {
  return (
    <div className="card" role="alert">
      <h1>{title}</h1>
      <p lang="en">{error instanceof Error ? error.message : String(error)}</p>
      <p><button type="button" onClick={() => location.reload()}>{again}</button></p>
    </div>
  );
}

function Failed({ error }: { error: unknown }) {
  const { states } = useText().t;
  return <Broken title={states.failed} again={states.tryAgain} error={error} />;
}

/** Boundary keeps what breaks within it from taking the rest of the page along. A new key gives it another chance. */
export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: undefined };
  static getDerivedStateFromError(error: unknown) {
    return { error: error ?? "unknown" };
  }
  override render() {
    return this.state.error === undefined ? this.props.children : <Failed error={this.state.error} />;
  }
}
