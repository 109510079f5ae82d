import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// A relative base: the same build is served from any path. No asset is inlined, and nothing of the build needs an
// exception from the content security policy.
export default defineConfig({
  base: "./",
  plugins: [react({ jsxImportSource: "#jsx" })],
  build: {
    target: ["chrome123", "edge123", "firefox121", "safari17.5"],
    modulePreload: false,
    assetsInlineLimit: 0,
    sourcemap: false,
  },
  test: {
    environment: "jsdom",
    environmentOptions: { jsdom: { url: "http://127.0.0.1:8080/" } },
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test/setup.ts"],
    testTimeout: 30_000,
    maxWorkers: "100%",
    restoreMocks: true,
    unstubGlobals: true,
    env: { TZ: "America/Sao_Paulo" },
  },
});
