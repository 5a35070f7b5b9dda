// Words for people: cut texts, lists with "and N more", and times as Go prints them. Pure.

import { type EpochMs, formatMilliseconds } from '../lib/time.ts';

/** `text`, or its beginning and an ellipsis, `length` characters at most. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** The names joined; those that go beyond `length` characters are counted as "and N more". */
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

/** A time as Go's `time.Time.String` prints it in UTC, which is how the original wrote it: trailing zeros are left out. */
export function formatGoTime(instant: EpochMs): string {
  const [date, time] = formatMilliseconds(instant).slice(0, -1).split('T');
  const [whole, fraction = ''] = (time ?? '').split('.');
  const digits = fraction.replace(/0+$/, '');
  return `${date} ${whole}${digits === '' ? '' : `.${digits}`} +0000 UTC`;
}
