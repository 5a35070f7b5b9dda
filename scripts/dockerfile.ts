// Lints the Dockerfile, and holds it to what the chart and the docs say of the image.

import { readFileSync } from 'node:fs';
import { validate } from 'dockerfile-utils';

/** Patterns that the last stage must match: what is in the image, and as whom it runs. */
const PROMISES: readonly (readonly [words: string, pattern: RegExp])[] = [
  [
    'is a distroless Node.js 24 without root',
    /^FROM gcr\.io\/distroless\/nodejs24-debian13:nonroot(@sha256:[0-9a-f]{64})?$/m,
  ],
  ['runs as 65532 by number', /^USER 65532:65532$/m],
  ['runs the operator unless told otherwise', /^CMD \["run"\]$/m],
];

/** Instructions of the last stage that testing/kubelet/images.ts reads, or that change nothing for a container. */
const KNOWN: readonly string[] = ['FROM', 'ARG', 'LABEL', 'COPY', 'ADD', 'USER', 'EXPOSE', 'ENTRYPOINT', 'CMD'];

/** @returns a sentence for each thing that is wrong; empty when all is well */
export function problemsOf(text: string): readonly string[] {
  const linted = validate(text).map(({ message, range }) => {
    const words = typeof message === 'string' ? message : message.value;
    return `line ${range.start.line + 1}: ${words}`;
  });
  const last = text.slice(text.lastIndexOf('\nFROM ') + 1);
  const broken = PROMISES.filter(([, pattern]) => !pattern.test(last)).map(([words]) => `the image no longer ${words}`);
  const copied = last.match(/^(COPY|ADD) .*$/gm) ?? [];
  const isBundleOnly = copied.length === 1 && /^COPY --from=build \/source\/dist\/ \/$/.test(copied[0] ?? '');
  const more = isBundleOnly ? [] : ['the image holds something beside the bundle'];
  const ran = /^RUN /m.test(last) ? ['the last stage runs something, which needs emulation for other platforms'] : [];
  const others = instructionsOf(last).filter((name) => name !== 'RUN' && !KNOWN.includes(name));
  const unknown = others.map((name) => `the last stage has ${name}, which the image of make e2e does not take over`);
  return [...linted, ...broken, ...more, ...ran, ...unknown];
}

function instructionsOf(stage: string): readonly string[] {
  // Lines that end in a backslash go on.
  const lines = stage.replaceAll(/\\\n/g, ' ').split('\n');
  return lines.flatMap((line) => /^\s*([A-Za-z]+)\s/.exec(line)?.[1]?.toUpperCase() ?? []);
}

if (import.meta.main) {
  const problems = problemsOf(readFileSync('Dockerfile', 'utf8'));
  for (const problem of problems) console.error(`Dockerfile: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
}
