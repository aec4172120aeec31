import type { Route } from "../api/router.ts";
import { consolePage, consoleScript, consoleStyle } from "./page.ts";

/** The console: one static page without secrets. What it shows it asks of the API, with the admin token that its user gives. */
export function consoleRoutes(): readonly Route[] {
  return [
    asset("/", { type: "text/html; charset=utf-8", body: consolePage }),
    asset("/console.js", { type: "text/javascript; charset=utf-8", body: consoleScript }),
    asset("/console.css", { type: "text/css; charset=utf-8", body: consoleStyle }),
  ];
}

function asset(path: string, content: { readonly type: string; readonly body: string }): Route {
  return {
    method: "GET",
    path,
    access: "public",
    handle: () =>
      new Response(content.body, {
        headers: {
          "content-type": content.type,
          "content-security-policy":
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
        },
      }),
  };
}
