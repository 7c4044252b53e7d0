import { defineConfig } from "vite";

const SERVER = "http://127.0.0.1:8080";

// Plain names: the server adds a hash of the contents when it serves them, and the history of the bundle stays readable.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../crates/docent-api/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    cssCodeSplit: false,
    target: "es2022",
    rolldownOptions: {
      output: {
        entryFileNames: "assets/app.js",
        assetFileNames: ({ names }) => (names[0]?.endsWith(".css") ? "assets/app.css" : "assets/[name][extname]"),
      },
    },
  },
  server: { proxy: { "/v1": SERVER } },
});
