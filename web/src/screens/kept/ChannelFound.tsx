// What came of a test message.

import { useEffect } from "react";
import type { ChannelTest } from "../../api/kept";
import { Icon } from "../../components/basics";
import { Failed, Loading, Told } from "../../components/states";
import { useKeptWords } from "../../i18n/kept";

/** ChannelFound shows it; `begin` is called when it is shown. */
export function ChannelFound({ test, begin }: { test: { data: ChannelTest | undefined; error: unknown; isPending: boolean }; begin?: () => void }) {
  const w = useKeptWords();
  useEffect(() => begin?.(), []);
  if (test.error) return <Failed error={test.error} />;
  if (test.isPending || (begin && !test.data)) return <Loading rows={2} />;
  if (!test.data) return null;
  const { sent, answer } = test.data;
  return (
    <div role="status" className="found">
      <p className={`notice ${sent ? "ok" : "bad"}`}><Icon name={sent ? "ok" : "bad"} /><strong>{sent ? w.channels.found : w.channels.cannot}</strong></p>
      {answer && <p className="detail"><Told text={answer} of={test.data} /></p>}
    </div>
  );
}
