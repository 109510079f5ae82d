// Every screen in its main states, by the program of this folder that shows it: its world has that state. looks.mjs looks at each; src/routes.test.ts holds that no address of
// the app and no flow is without one.

/** The flows that there are to be seen. */
export const flows = ["first run", "add a source", "back up", "watch", "contents", "diff", "restore a table", "restore whole", "prove", "pin", "cleanup", "channels", "audit"];

const press = (selector, then) => async (page) => {
  await page.locator(selector).first().click();
  await page.locator(then).first().waitFor();
};

/** A state has an address, what is there when all has come, the flows that it belongs to, and what to do before it is looked at. What stands in braces is known when it is there. */
export const states = {
  flows: {
    "sign-in": { address: "#/", there: ".roles", of: ["first run"] },
    "home empty": { address: "#/", there: ".first .acts", of: ["first run"] },
    "home running": { address: "#/", there: "section.running .counters", of: ["watch"] },
    "details running": { address: "#/backups/{id}", there: "section.running .counters", of: ["back up", "watch"] },
    "home well": { address: "#/", there: ".say.ok" },
    "details proven": { address: "#/backups/{id}", there: ".verdict", of: ["prove"] },
    "comparison": { address: "#/backups/{id}", there: ".verdict", of: ["diff"], act: press(".verdict button", "table.diff") },
    "details pinned": { address: "#/backups/{id}", there: ".pin summary", of: ["pin"], act: press(".pin summary", ".pin form") },
    "cleanup preview": { address: "#/cleanup", there: ".items li", of: ["cleanup"] },
    "cleanup asked": { address: "#/cleanup", there: ".card-head .danger:enabled", of: ["cleanup"], act: press(".card-head .danger", "dialog[open]") },
  },
  find: {
    "details good": { address: "#/backups/{good}", there: "table.contents", of: ["contents"] },
    "details lost rows": { address: "#/backups/{lost}", there: "table.contents .lost", of: ["contents"] },
    "details damaged": { address: "#/backups/{damaged}", there: ".verdict.bad" },
    "details partial": { address: "#/backups/{part}", there: ".verdict" },
    "details failed": { address: "#/backups/{failed}", there: ".log" },
    "download anyway": { address: "#/backups/{damaged}", there: ".verdict.bad", act: press(".verdict .actions button", "dialog[open]") },
    "rows": { address: "#/backups/{good}", there: "table.contents button", of: ["contents"], act: press("table.contents button", "dialog[open] td") },
    "home with problems": { address: "#/", there: ".say.bad, .say.warn" },
    "home without a match": { address: "#/?search=nothing-is-called-so", there: ".empty" },
    "health with problems": { address: "#/health", there: ".checks .check-warning" },
    "restore of a table": { address: "#/restore?backup={good}&table=public.orders", there: ".plan-list", of: ["restore a table"] },
    "audit": { address: "#/audit", there: "table.audit td", of: ["audit"] },
  },
  restore: {
    "health failed": { address: "#/health", there: ".checks .check-failed" },
    "restores": { address: "#/restore", there: ".items a[href*='#/restore/']", of: ["restore whole"] },
    "restore whole": { address: "{chosen}", there: ".plan-list", of: ["restore whole"] },
    "restoring": { address: "#/restore/{id}", there: ".running .counters", of: ["restore whole"] },
    "restored": { address: "#/restore/{first}", there: ".notice.ok", of: ["restore whole"] },
    "restored table": { address: "#/restore/{table}", there: ".command", of: ["restore a table"] },
    "restored beside": { address: "#/restore/{switched}", there: "form.notice" },
    "restore stopped": { address: "#/restore/{canceled}", there: ".notice.bad" },
    "restore of a damaged one": { address: "#/restore?backup={spoilt}", there: ".notice.bad" },
  },
  kept: {
    "channels": { address: "#/settings/channels", there: ".kept", of: ["channels"] },
    "channel to add": { address: "#/settings/channels/create", there: "form.create", of: ["channels"] },
    "channel": { address: "#/settings/channels/team", there: "form.create" },
    "channel of the file": { address: "#/settings/channels/on-call", there: ".facts" },
    "sources": { address: "#/settings/sources", there: ".kept", of: ["add a source"] },
    "source to add": { address: "#/settings/sources/create", there: "form.create", of: ["add a source"] },
    "source": { address: "#/settings/sources/wiki", there: "form.create" },
    "source of the environment": { address: "#/settings/sources/{given}", there: ".facts" },
    "places": { address: "#/settings/places", there: ".kept" },
    "place to add": { address: "#/settings/places/create", there: "form.create" },
    "place": { address: "#/settings/places/frankfurt", there: "form.create" },
  },
  run: {
    "home": { address: "#/", there: "#rows tr:nth-child(10)" },
    "home filtered": { address: "#/?status=failed&sort=oldest", there: "#rows tr" },
    "home of one source": { address: "#/?source=shop", there: ".charts .chart svg" },
    "menu of a row": { address: "#/", there: "#rows tr", act: press("#rows [data-part=menu]", "[role=menuitem]") },
    "palette": { address: "#/", there: "#rows tr", act: async (page) => {
      await page.keyboard.press("Control+k");
      await page.locator("dialog.palette [role=option]").first().waitFor();
    } },
    "new": { address: "#/new?source=shop", there: "form.create", of: ["back up"], act: press("input[name=part][value=some]", ".tree .tree-row") },
    "details of the history": { address: "#/backups/{old}", there: ".ladder" },
    "deletion": { address: "#/backups/{old}", there: ".ladder", act: press("main .danger-text", "dialog[open]") },
    "restore without a target": { address: "#/restore?backup={old}", there: ".card" },
    "restore": { address: "#/restore", there: ".items li" },
    "cleanup": { address: "#/cleanup", there: ".items li", of: ["cleanup"] },
    "health": { address: "#/health", there: ".checks:not(:has(.check-failed)) li" },
    "settings": { address: "#/settings", there: ".facts" },
    "settings previewed": { address: "#/settings", there: ".facts", act: async (page) => {
      await page.locator("main form input").first().fill("3");
      await press(".notice.warn button", "dialog[open] .items li")(page);
    } },
    "backup that is not there": { address: "#/backups/01JZ8Q4M9T4Y3V6K2W1X0N5BCD", there: ".empty" },
    "no such screen": { address: "#/nothing/here", there: ".empty" },
  },
};
