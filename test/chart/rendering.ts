// The chart as objects, by both Helms, which must agree.

import assert from 'node:assert/strict';
import { before } from 'node:test';
import { OPERATOR_NAMESPACE } from '../../testing/operator/operator-account.ts';
import { type Rendered, renderChart } from '../../testing/tools/helm/chart.ts';
import { createHelm, type Helm } from '../../testing/tools/helm/helm.ts';

const RELEASE = { name: 'rendered', namespace: OPERATOR_NAMESPACE };

export interface Rendering {
  readonly helms: () => readonly Helm[];
  /** What these values make; `flags` are Helm's. */
  readonly render: (values: object, ...flags: readonly string[]) => Promise<readonly Rendered[]>;
}

/** Registers the hook that finds both Helms. */
export function useRendering(): Rendering {
  let helms: readonly Helm[] = [];
  before(async () => {
    helms = [await createHelm(4), await createHelm(3)];
  });
  return {
    helms: () => helms,
    async render(values, ...flags) {
      const set = setFlags(values);
      const [one, other] = await Promise.all(helms.map((helm) => renderChart(helm, RELEASE, ...set, ...flags)));
      assert.deepEqual(sorted(one), sorted(other));
      return one ?? [];
    },
  };
}

/** Values as flags of Helm. */
export function setFlags(values: object): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => ['--set-json', `${name}=${JSON.stringify(value)}`]);
}

export function sorted(objects: readonly Rendered[] | undefined): readonly Rendered[] {
  const nameOf = ({ kind, metadata }: Rendered): string => `${kind} ${metadata.name}`;
  return (objects ?? []).toSorted((one, other) => nameOf(one).localeCompare(nameOf(other)));
}

/** The object of a kind. */
export function only(objects: readonly Rendered[], kind: string): Rendered {
  const found = objects.find((object) => object.kind === kind);
  assert.ok(found, `there is no ${kind}`);
  return found;
}
