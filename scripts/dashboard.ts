// The dashboard for Grafana, as JSON: what one looks at first, over the metrics of
// src/operator/telemetry/metric-catalogue.ts. Pure.

import { PANELS, type Panel } from './dashboard-panels.ts';

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
/** Links and provisioning find the dashboard by it, whatever its title. */
const UID = 'kube-ecr-secrets-operator';
/** Grafana's grid has 24 columns. */
const [WIDTH, HEIGHT, COLUMNS] = [8, 8, 3];

/** A choice on the dashboard among the values of a label; all of them, and series without the label, by default. */
function variable(label: string): object {
  return {
    name: label,
    label,
    type: 'query',
    datasource: DATASOURCE,
    query: { query: `label_values(ecr_operator_build_info, ${label})`, refId: label },
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  };
}

function targets({ lines, type }: Panel): readonly object[] {
  return Object.entries(lines).map(([legendFormat, expr], line) => ({
    refId: String.fromCodePoint('A'.charCodeAt(0) + line),
    datasource: DATASOURCE,
    legendFormat,
    expr,
    ...(type === 'table' ? { format: 'table', instant: true } : {}),
  }));
}

/** The dashboard as a file; the source of data is chosen on it. */
export function makeDashboard(): string {
  const dashboard = {
    uid: UID,
    title: 'kube-ecr-secrets-operator',
    tags: ['kube-ecr-secrets-operator', 'ecr'],
    schemaVersion: 39,
    refresh: '1m',
    time: { from: 'now-24h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' },
        variable('cluster'),
        variable('job'),
      ],
    },
    panels: PANELS.map((panel, index) => ({
      id: index + 1,
      type: panel.type,
      title: panel.title,
      description: panel.description,
      datasource: DATASOURCE,
      gridPos: { w: WIDTH, h: HEIGHT, x: (index % COLUMNS) * WIDTH, y: Math.floor(index / COLUMNS) * HEIGHT },
      fieldConfig: { defaults: { unit: panel.unit, min: 0 }, overrides: [] },
      ...(panel.type === 'table' ? TABLE : {}),
      targets: targets(panel),
    })),
  };
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}

/** Without the time of the query, which is the same in all rows; what is most urgent first. */
const TABLE = {
  options: { sortBy: [{ displayName: 'Value', desc: false }] },
  transformations: [{ id: 'organize', options: { excludeByName: { Time: true } } }],
};
