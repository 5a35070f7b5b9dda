// Counting and reading of the metrics on /metrics. Their names and words are in operator/telemetry/metric-catalogue.ts.

import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';

/** The definition of a metric, from which its description for users is made. */
export interface Definition<Label extends string = string> {
  /** With its unit; a counter's ends in `_total` (prometheus.io, metric and label naming). */
  readonly name: string;
  readonly shape: 'counter' | 'gauge' | 'histogram';
  /** A whole sentence. */
  readonly help: string;
  readonly labels: readonly Label[];
  /** Upper bounds of a histogram, ascending. */
  readonly buckets?: readonly number[];
}

export type MetricLabels<Label extends string> = Readonly<Record<Label, string>>;

/** One series and its value. */
export interface Sample<Label extends string = string> {
  readonly labels: MetricLabels<Label>;
  readonly value: number;
}

/** Adds one. */
export type Count<Label extends string> = (labels: MetricLabels<Label>) => void;
/** Adds one observation, in the metric's unit. */
export type Observe<Label extends string> = (labels: MetricLabels<Label>, value: number) => void;

export interface Metrics {
  /** @param start  series that exist, with 0, before anything is counted: `rate()` misses the first step of others */
  counter<Label extends string>(definition: Definition<Label>, start: readonly MetricLabels<Label>[]): Count<Label>;
  /** @param start  as for `counter` */
  histogram<Label extends string>(definition: Definition<Label>, start: readonly MetricLabels<Label>[]): Observe<Label>;
  /** A counter or a gauge that is read at each scrape; series that `read` leaves out are absent. */
  observe<Label extends string>(definition: Definition<Label>, read: () => Iterable<Sample<Label>>): void;
  /** As `observe`, for a metric without labels; undefined: absent. */
  observeOne(definition: Definition<never>, read: () => number | undefined | Promise<number | undefined>): void;
  /** The series of one metric; empty when there is no such metric. */
  read(name: string): Promise<readonly Sample[]>;
  /** The Prometheus text format. */
  text(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** @throws Error when a name is registered twice */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const observed: (Counter<string> | Gauge<string>)[] = [];
  /** Frees the samples of the last look: thousands of objects may have series of their own. */
  const release = (): void => {
    for (const metric of observed) metric.reset();
  };

  return {
    counter(definition, start) {
      const counter: Counter<string> = new Counter<string>(optionsOf(definition, registers));
      for (const labels of start) counter.inc(labels, 0);
      return (labels) => counter.inc(labels);
    },
    histogram(definition, start) {
      const histogram = new Histogram<string>({
        ...optionsOf(definition, registers),
        buckets: [...(definition.buckets ?? [])],
      });
      for (const labels of start) histogram.zero(labels);
      return (labels, value) => histogram.observe(labels, value);
    },
    observe(definition, read) {
      // Its samples are read and taken out in one go: none is lost by a look that ends meanwhile.
      observed.push(observeWith(registers, definition, read));
    },
    observeOne(definition, read) {
      observeWith(registers, definition, async () => {
        const value = await read();
        return value === undefined ? [] : [{ labels: {}, value }];
      });
    },
    async read(name) {
      const metric = registry.getSingleMetric(name);
      const values = metric ? (await metric.get().finally(release)).values : [];
      return values.map(({ labels, value }) => ({ labels: labels as Sample['labels'], value }));
    },
    async text() {
      const body = await registry.metrics().finally(release);
      return { contentType: registry.contentType, body };
    },
  };
}

const optionsOf = <Label extends string>({ name, help, labels }: Definition<Label>, registers: Registry[]) => ({
  name,
  help,
  labelNames: [...labels],
  registers,
});

/** A metric that is read at each look. */
function observeWith(
  registers: Registry[],
  definition: Definition,
  read: () => Iterable<Sample> | Promise<Iterable<Sample>>,
): Counter<string> | Gauge<string> {
  const add = (samples: Iterable<Sample>): void => {
    metric.reset();
    // Without labels the library shows 0 where there is no value.
    if (definition.labels.length === 0) metric.remove({});
    for (const { labels, value } of samples) metric.inc(labels, value);
  };
  const collect = (): void | Promise<void> => {
    const samples = read();
    return samples instanceof Promise ? samples.then(add) : add(samples);
  };
  const options = { ...optionsOf(definition, registers), collect };
  const metric: Counter<string> | Gauge<string> =
    definition.shape === 'counter' ? new Counter<string>(options) : new Gauge<string>(options);
  return metric;
}
