// Draws the plots of docs/design/performance.md: node bench/draw.ts [FILE], FILE being what the bench has written
// (bench/results/reference.json).

import { mkdirSync, writeFileSync } from 'node:fs';
import { PICTURES, REFERENCE } from './pictures.ts';
import { drawPlot } from './plots.ts';
import { readResults } from './results.ts';

const [file = REFERENCE] = process.argv.slice(2);
const results = readResults(file);
mkdirSync('docs/images', { recursive: true });
for (const { path, plotOf } of PICTURES) {
  writeFileSync(path, drawPlot(plotOf(results)));
  console.log(path);
}
