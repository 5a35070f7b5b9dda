// Covers the mask: nothing of what a call was made with is left in a text, in whatever form it comes back.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { createMask, maskError } from './mask.ts';

/** The alphabet of secret access keys and of session tokens. */
const secretText = fc.stringMatching(/^[A-Za-z0-9/+=]{40,400}$/);
/** The surrounding text has another alphabet, so that no run of it is part of the secret by chance. */
const around = fc.stringMatching(/^[ .:_,!?-]{0,40}$/);

function hasRun(text: string, secret: string): boolean {
  for (let at = 0; at + 12 <= secret.length; at += 1) if (text.includes(secret.slice(at, at + 12))) return true;
  return false;
}

// Rule 17
describe('a mask', () => {
  test('leaves no twelve characters of a secret in a row, plain, as base64 at any place, or encoded for a URL', () => {
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    fc.assert(
      fc.property(secretText, around, around, fc.nat(2), (secret, before, after, shift) => {
        const mask = createMask([secret]);
        assert.ok(!hasRun(mask(`${before}${secret}${after}`), secret));
        assert.ok(!hasRun(mask(`${before}${secret}/20260101/eu-west-1/ecr/aws4_request${after}`), secret));
        for (const encode of [encodeURIComponent, (text: string) => encodeURIComponent(text).toLowerCase()]) {
          if (encode(secret).toLowerCase() === secret.toLowerCase()) continue;
          assert.ok(!hasRun(mask(`${before}${encodeURIComponent(secret)}${after}`), encodeURIComponent(secret)));
        }
        const inside = base64(`${'.'.repeat(shift)}${secret}${'.'.repeat(5)}`);
        // The base64 of the secret alone, without the groups that it shares with the neighbouring text.
        const own = inside.slice(4, 4 + Math.floor((secret.length - 4) / 3) * 4);
        assert.ok(!hasRun(mask(`${before}${inside}${after}`), own));
      }),
    );
  });

  test('hides a piece of a secret, and all that overlaps with another piece', () => {
    const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
    const mask = createMask([secret]);
    assert.equal(mask(`got '${secret.slice(3, 30)}' and ${secret.slice(20)}.`), "got '[redacted]' and [redacted].");
    assert.equal(mask(secret.slice(0, 11)), secret.slice(0, 11));
  });

  test('leaves what the caller wrote, so that nothing hidden confirms a guess', () => {
    const secret = 'IQoJb3JpZ2luX2VjEXAMPLEOFATOKEN/thatGoesOn+andOn';
    const said = (guess: string): string =>
      createMask([secret], [`arn:aws:iam::111122223333:role/${guess}`])(`not authorized on role/${guess}: no`);
    for (const guess of ['IQoJb3JpZ2luX2VjEX', 'IQoJb3JpZ2luX2VjEY', secret.slice(0, 30)])
      assert.equal(said(guess), `not authorized on role/${guess}: no`);
    assert.ok(!createMask([secret], ['role/IQoJb3JpZ2luX2VjEX'])(`got ${secret}.`).includes('AMPLEOFATOKEN'));
  });

  test('leaves every other text as it is', () => {
    const mask = createMask(['wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', undefined, '', 'short']);
    fc.assert(fc.property(around, (text) => assert.equal(mask(text), text)));
    assert.equal(
      mask('AWS denied the login in short: not authorized'),
      'AWS denied the login in short: not authorized',
    );
  });

  test('hides what an error says, in its causes too, before any reader gets it', () => {
    const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
    const below = new Error(`below ${secret}`);
    const aside = new AggregateError([new Error(`aside ${secret}`)], `all ${secret}`);
    const error = Object.assign(new Error(`no '${secret}'`, { cause: below }), { code: `E_${secret}` });
    below.cause = aside;
    error.name = `Named${secret}`;
    maskError(error, createMask([secret]));
    const [first] = aside.errors as Error[];
    const texts = [error, below, aside, first ?? error].flatMap(({ name, message, stack }) => [name, message, stack]);
    assert.ok([...texts, error.code].every((text) => !(text ?? '').includes('wJalrXUtnFEMI')));
    assert.equal(error.message, "no '[redacted]'");
  });
});
