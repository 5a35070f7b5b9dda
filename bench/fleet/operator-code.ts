// The operator's own code that decides when AWS is called, of this checkout or of another one.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Calls from '../../src/aws/calls.ts';
import type * as Wake from '../../src/core/wake.ts';
import type * as Pacer from '../../src/lib/pacer.ts';
import type * as Held from '../../src/operator/login/held-logins.ts';
import type * as Keys from '../../src/operator/login/key-source.ts';
import type * as Book from '../../src/operator/login/login-book.ts';

export interface OperatorCode {
  readonly calls: typeof Calls;
  readonly book: typeof Book;
  readonly held: typeof Held;
  readonly keys: typeof Keys;
  readonly pacer: typeof Pacer;
  readonly wake: typeof Wake;
}

export async function loadOperatorCode(checkout: string): Promise<OperatorCode> {
  const load = (path: string): Promise<unknown> => import(pathToFileURL(join(checkout, 'src', path)).href);
  return {
    calls: await load('aws/calls.ts'),
    book: await load('operator/login/login-book.ts'),
    held: await load('operator/login/held-logins.ts'),
    keys: await load('operator/login/key-source.ts'),
    pacer: await load('lib/pacer.ts'),
    wake: await load('core/wake.ts'),
  } as OperatorCode;
}
