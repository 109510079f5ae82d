// The parts of the settings that have a list and a page for each: which of them an address means.

import { useMay } from "../../api/context";
import { Page } from "../../components/basics";
import { Empty } from "../../components/states";
import { useText } from "../../i18n";
import { ChannelList } from "./ChannelList";
import { ChannelPage } from "./ChannelPage";
import { PlaceList } from "./PlaceList";
import { PlacePage } from "./PlacePage";
import { SourceList } from "./SourceList";
import { SourcePage } from "./SourcePage";

/** decoded gives a name of an address; what is no name, as it stands there. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

export function KeptScreens({ path }: { path: string }) {
  const { t } = useText();
  const may = useMay();
  // Who may not read the settings of all begins at the sources.
  const [, kind, name] = /^\/settings\/([a-z]+)(?:\/([^/]+))?$/.exec(path === "/settings" ? "/settings/sources" : path) ?? [];
  // A name is none of the API's own words.
  const one = name === undefined || name === "create" ? undefined : decoded(name);
  if (kind === "sources" && may("list")) return name ? <SourcePage name={one} /> : <SourceList />;
  if (kind === "places" && may("list")) return name ? <PlacePage name={one} /> : <PlaceList />;
  if (kind === "channels" && may("settings_read")) return name ? <ChannelPage name={one} /> : <ChannelList />;
  return <Page title={t.notFound.title}><Empty title={t.notFound.text} /></Page>;
}
