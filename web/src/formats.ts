// What the formats of documents are called, and what their parts are.

type Format = { name: string; part: string };

const FORMATS: Record<string, Format> = {
  pdf: { name: "PDF", part: "page" },
  markdown: { name: "Markdown", part: "section" },
  html: { name: "HTML", part: "section" },
  text: { name: "Text", part: "section" },
  docx: { name: "Word", part: "section" },
  pptx: { name: "PowerPoint", part: "slide" },
  xlsx: { name: "Excel", part: "sheet part" },
  csv: { name: "Table", part: "part" },
  epub: { name: "E-book", part: "section" },
  notebook: { name: "Notebook", part: "cell" },
  email: { name: "E-mail", part: "part" },
  code: { name: "Source code", part: "part" },
};

export const formatOf = (format: string | null | undefined): Format => FORMATS[format ?? ""] ?? { name: format ?? "", part: "section" };
