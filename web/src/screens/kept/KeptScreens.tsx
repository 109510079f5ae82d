// The parts of the settings that have a list and a page for each: which of them an address means.

import { useMay } from "../../api/context";
import { Page } from "../../components/basics";
import { Empty } from "../../components/states";
import { useText } from "../../i18n";
import { routeOf } from "../../routes";
import { ChannelList } from "./ChannelList";
import { ChannelPage } from "./ChannelPage";
import { PlaceList } from "./PlaceList";
import { PlacePage } from "./PlacePage";
import { SourceList } from "./SourceList";
import { SourcePage } from "./SourcePage";

export function KeptScreens({ path }: { path: string }) {
  const { t } = useText();
  const may = useMay();
  const { route, name } = routeOf(path) ?? {};
  if (may("list")) {
    // Who may not read the settings of all begins at the sources.
    if (route === "settings" || route === "sources") return <SourceList />;
    if (route === "newSource" || route === "source") return <SourcePage name={route === "source" ? name : undefined} />;
    if (route === "places") return <PlaceList />;
    if (route === "newPlace" || route === "place") return <PlacePage name={route === "place" ? name : undefined} />;
  }
  if (may("settings_read")) {
    if (route === "channels") return <ChannelList />;
    if (route === "newChannel" || route === "channel") return <ChannelPage name={route === "channel" ? name : undefined} />;
  }
  return <Page title={t.notFound.title}><Empty title={t.notFound.text} /></Page>;
}
