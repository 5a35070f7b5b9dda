// Scrapes of a running operator as series in promtool's notation: a real exposition each minute of a clock that is
// moved.

import { MINUTE } from '../../src/lib/time.ts';
import { eventually } from '../api-server/test-api.ts';
import type { TravelClock } from '../clocks/travel-clock.ts';
import type { RunningOperator } from './world.ts';

/** The operator, as a ServiceMonitor scrapes it. */
export const TARGET = { job: 'ecr', pod: 'ecr-1', instance: '10.0.0.1:8080', namespace: 'system' };

/** Name and labels, then the value. */
const SAMPLE = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/;
/** Buckets are in no alert, and many. */
const IGNORED = /_bucket$/;
/**
 * The clock outruns the watches: the API server ends them by its own time. Their last contact is that of a healthy
 * operator; the alert about it has cases of its own.
 */
const CONTACT = 'ecr_operator_watch_last_contact_timestamp_seconds';

/** All series by their names as Prometheus stores them, with a value a minute from 0 on; instants count from 0 too. */
export type Recording = Readonly<Record<string, string>>;

/** Lets `minutes` pass, and scrapes after each; `meanwhile` goes first each time. */
export async function record(
  operator: RunningOperator,
  clock: TravelClock,
  minutes: number,
  meanwhile: (minute: number) => Promise<void> = () => Promise.resolve(),
): Promise<Recording> {
  const start = clock.now() / 1_000;
  const scrapes: ReadonlyMap<string, string>[] = [];
  for (let minute = 0; minute <= minutes; minute += 1) {
    if (minute > 0) await pass(operator, clock);
    await meanwhile(minute);
    scrapes.push(readScrape((await operator.metrics.text()).body, start, minute));
  }
  const names = new Set(scrapes.flatMap((scrape) => [...scrape.keys()]));
  return Object.fromEntries([...names].map((name) => [name, valuesOf(scrapes.map((scrape) => scrape.get(name)))]));
}

/** A minute in steps below the time-out of any request. */
async function pass(operator: RunningOperator, clock: TravelClock): Promise<void> {
  for (let step = 0; step < 3; step += 1) {
    await atRest(operator);
    clock.travel(MINUTE / 3);
  }
  await atRest(operator);
}

/** No key is being worked on, and nothing is asked: time that passes now cuts nothing short. */
async function atRest({ idle, metric }: RunningOperator): Promise<void> {
  const asked = async (): Promise<number> =>
    (await metric('ecr_operator_logins_under_way')) + (await metric('ecr_operator_references_under_way'));
  await eventually(async () => {
    await idle();
    return (await asked()) === 0 ? true : undefined;
  }, MINUTE);
  await idle();
}

function readScrape(text: string, start: number, minute: number): ReadonlyMap<string, string> {
  const samples = text.split('\n').flatMap((line): readonly (readonly [string, string])[] => {
    const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
    if (name === '' || IGNORED.test(name)) return [];
    return [
      [seriesOf(name, labels), name.endsWith('_timestamp_seconds') ? rebased(name, value, start, minute) : value],
    ];
  });
  return new Map(samples);
}

function rebased(name: string, value: string, start: number, minute: number): string {
  return name === CONTACT ? String(minute * 60) : String(Number(value) - start);
}

/** As a scraper that honors labels stores it: the operator's own labels win, empty ones too. */
function seriesOf(name: string, labels: string): string {
  const missing = Object.entries(TARGET).filter(([label]) => !new RegExp(`(^|,)${label}="`).test(labels));
  const all = [...missing.map(([label, value]) => `${label}="${value}"`), ...(labels === '' ? [] : [labels])];
  return `${name}{${all.join(',')}}`;
}

/** A series that is in no scrape any more ends there. */
function valuesOf(values: readonly (string | undefined)[]): string {
  return values.map((value, at) => value ?? (values[at - 1] === undefined ? '_' : 'stale')).join(' ');
}
