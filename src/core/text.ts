// Texts for people: cut texts, lists with "and N more", and times as Go prints them. Pure.

import { ownText } from '../lib/own-text.ts';
import { type EpochMs, formatMilliseconds } from '../lib/time.ts';

/**
 * `text`, or its beginning and an ellipsis, `length` characters at most.
 *
 * Never ends in half a character: the API server stores another text for it, and every later comparison would differ.
 */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text.toWellFormed();
  const head = text.slice(0, length - 1);
  return ownText(`${/[\uD800-\uDBFF]$/.test(head) ? head.slice(0, -1) : head}…`);
}

/** The names joined; those beyond `length` characters are counted as "and N more". */
export function listNames(names: readonly string[], separator: string, length: number): string {
  let used = 0;
  const fitting = names.findIndex((name) => {
    used += name.length + separator.length;
    return used > length;
  });
  if (fitting === -1) return names.join(separator);
  const shown = Math.max(1, fitting);
  const rest = names.length - shown;
  const head = names
    .slice(0, shown)
    .map((name) => cut(name, length))
    .join(separator);
  return rest === 0 ? head : `${head}${separator}and ${rest} more`;
}

/** A time as Go's `time.Time.String` prints it in UTC, as the Go project writes it: trailing zeros are left out. */
export function formatGoTime(instant: EpochMs): string {
  const time = formatMilliseconds(instant).replace('T', ' ');
  return `${time.replace(/\.?0*Z$/, '')} +0000 UTC`;
}
