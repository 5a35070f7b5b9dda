// docs/design/rules.md: beside each rule, the tests that hold it, read out of the tests themselves.
//
// A test or a suite says which rules it is about in a comment of its own line above it: `// Rule 7` or `// Rules 5, 7`.

export interface Proof {
  readonly rule: number;
  readonly file: string;
  /** The suites around it and its own title, as they stand in the source, placeholders of a template included. */
  readonly name: string;
}

const MARK = /^[ \t]*\/\/ Rules? (\d+(?:, \d+)*)\n/gm;
/** Indentation, quote, title. */
const MARKED = /^( *)(?:describe|test)\(\s*(['"`])((?:\\.|(?!\2).)*)\2/;
const SUITE = /^( *)describe\(\s*(['"`])((?:\\.|(?!\2).)*)\2/gm;
/** In the page: where the tests of a rule stand. */
const BLOCK = /<!-- tests of rule (\d+) -->\n[^]*?<!-- end -->/g;

/**
 * @param file  path from the root
 * @throws Error when a mark is above something that is no test
 */
export function proofsIn(file: string, text: string): readonly Proof[] {
  return [...text.matchAll(MARK)].flatMap((mark) => {
    const marked = MARKED.exec(text.slice(mark.index + mark[0].length));
    if (!marked) throw new Error(`${file}: "${mark[0].trim()}" is not right above a test or a describe`);
    const suites = suitesAround(text.slice(0, mark.index), (marked[1] ?? '').length);
    const name = [...suites, titleOf(marked)].join(' › ');
    return (mark[1] ?? '').split(', ').map((rule) => ({ rule: Number(rule), file, name }));
  });
}

/**
 * @param before  the file as far as the mark
 * @param indent  of what is marked: the format is checked, so that indentation tells what stands inside what
 */
function suitesAround(before: string, indent: number): readonly string[] {
  const titles: string[] = [];
  let inner = indent;
  for (const suite of [...before.matchAll(SUITE)].toReversed()) {
    const own = (suite[1] ?? '').length;
    const end = new RegExp(`^ {${own}}\\}?\\);$`, 'm');
    if (own >= inner || end.test(before.slice(suite.index))) continue;
    titles.unshift(titleOf(suite));
    inner = own;
  }
  return titles;
}

function titleOf(found: RegExpExecArray): string {
  return (found[3] ?? '').replaceAll(/\\(.)/g, '$1');
}

/**
 * Fills in the tests of each rule.
 *
 * @throws Error when a rule has no test, or a test names a rule that is not there
 */
export function withProofs(page: string, proofs: readonly Proof[]): string {
  const rules = new Set<number>();
  const filled = page.replaceAll(BLOCK, (_, number: string) => {
    const rule = Number(number);
    rules.add(rule);
    return `<!-- tests of rule ${rule} -->\n${listed(rule, proofs)}<!-- end -->`;
  });
  const stray = proofs.find(({ rule }) => !rules.has(rule));
  if (stray) throw new Error(`${stray.file}: there is no rule ${stray.rule} in docs/design/rules.md`);
  return filled;
}

function listed(rule: number, proofs: readonly Proof[]): string {
  const byFile = Map.groupBy(
    proofs.filter((proof) => proof.rule === rule),
    ({ file }) => file,
  );
  if (byFile.size === 0) throw new Error(`docs/design/rules.md: no test says that it is about rule ${rule}`);
  return [...byFile]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([file, own]) => `- [${file}](../../${file}): ${own.map(({ name }) => `*${escaped(name)}*`).join('; ')}\n`)
    .join('');
}

function escaped(name: string): string {
  return name.replaceAll(/[*_<`|]/g, '\\$&');
}
