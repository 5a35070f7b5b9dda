// Panels of the dashboard as one picture. Pure.

import { LineChart } from 'echarts/charts';
import { GraphicComponent, GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Panel } from './dashboard-panels.ts';

export interface DrawnPanel {
  readonly panel: Panel;
  readonly lines: readonly {
    readonly name: string;
    readonly values: readonly (readonly [at: number, value: number])[];
  }[];
}

const COLUMNS = 3;
const [WIDTH, HEIGHT] = [420, 270];
const [LEFT, TOP, RIGHT, BOTTOM] = [62, 34, 16, 96];
/** Lines of a legend, and rows of a table, that have room. */
const MOST_LINES = 4;

use([LineChart, GraphicComponent, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

function shown(value: number, unit: Panel['unit']): string {
  if (unit === 's') return `${(value / 3_600).toFixed(1)} h`;
  if (unit === 'ops') return `${Number(value.toPrecision(2))}/s`;
  return String(Number(value.toPrecision(3)));
}

const placeOf = (index: number): readonly [x: number, y: number] => [
  (index % COLUMNS) * WIDTH,
  Math.floor(index / COLUMNS) * HEIGHT,
];

/** @param minutes  of which the values are */
export function drawPanels(panels: readonly DrawnPanel[], minutes: number): string {
  const size = { width: COLUMNS * WIDTH, height: Math.ceil(panels.length / COLUMNS) * HEIGHT };
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...size });
  const graphs = panels.flatMap((drawn, index) => (drawn.panel.type === 'timeseries' ? [{ drawn, index }] : []));
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: panels.map(({ panel }, index) => {
      const [left, top] = placeOf(index);
      return { text: panel.title, left: left + 12, top: top + 8, textStyle: { fontSize: 13 } };
    }),
    grid: graphs.map(({ index }) => {
      const [left, top] = placeOf(index);
      const [width, height] = [WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM];
      return { left: left + LEFT, top: top + TOP, width, height };
    }),
    legend: graphs.map(({ drawn, index }) => {
      const [left, top] = placeOf(index);
      const data = seen(drawn)
        .slice(0, MOST_LINES)
        .map(({ name }) => `${index} ${name}`);
      const formatter = (name: string): string => name.slice(name.indexOf(' ') + 1);
      const place = { left: left + LEFT, top: top + HEIGHT - BOTTOM + 22, width: WIDTH - LEFT - RIGHT };
      return { ...place, data, formatter, itemWidth: 14, itemHeight: 8, itemGap: 8, textStyle: { fontSize: 10 } };
    }),
    xAxis: graphs.map((_, grid) => ({
      type: 'value',
      gridIndex: grid,
      min: 0,
      max: minutes / 60,
      axisLabel: { fontSize: 10, formatter: '{value} h' },
      splitLine: { show: false },
    })),
    yAxis: graphs.map(({ drawn: { panel } }, grid) => ({
      type: 'value',
      gridIndex: grid,
      min: 0,
      ...(panel.unit === 'short' ? { minInterval: 1 } : {}),
      axisLabel: { fontSize: 10, formatter: (value: number) => shown(value, panel.unit) },
    })),
    series: graphs.flatMap(({ drawn, index }, grid) =>
      seen(drawn).map(({ name, values }) => ({
        type: 'line',
        name: `${index} ${name}`,
        xAxisIndex: grid,
        yAxisIndex: grid,
        showSymbol: false,
        step: drawn.panel.unit === 'short' ? 'end' : false,
        lineStyle: { width: 1.5 },
        data: thinned(values).map(([at, value]) => [at / 3_600, value]),
      })),
    ),
    graphic: panels.flatMap((drawn, index) => (drawn.panel.type === 'table' ? tableOf(drawn, index, minutes) : [])),
  });
  // Its only rules are about a pointer.
  const svg = chart.renderToSVGString().replaceAll(/<style[^]*?<\/style>\n?/g, '');
  chart.dispose();
  return `${svg}\n`;
}

/** Lines that are not 0 all the time, if there are any. */
function seen({ lines }: DrawnPanel): DrawnPanel['lines'] {
  const some = lines.filter(({ values }) => values.some(([, value]) => value !== 0));
  return some.length > 0 ? some : lines;
}

/** Every fifth value, and the last: what the eye sees of ten hours. */
function thinned<Value>(values: readonly Value[]): readonly Value[] {
  return values.filter((_, at) => at % 5 === 0 || at === values.length - 1);
}

/** The rows at the end, the least value first. */
function tableOf({ panel, lines }: DrawnPanel, index: number, minutes: number): readonly object[] {
  const [left, top] = placeOf(index);
  const rows = lines.flatMap(({ name, values }) => {
    const last = values.at(-1);
    return last?.[0] === minutes * 60 ? [{ name, value: last[1] }] : [];
  });
  const texts = rows.toSorted((one, other) => one.value - other.value).slice(0, MOST_LINES * 2);
  const text = (x: number, row: number, words: string, align: string): object => ({
    type: 'text',
    left: undefined,
    x: left + x,
    y: top + TOP + 14 + row * 20,
    style: { text: words, fontSize: 11, fill: '#333333', align },
  });
  if (texts.length === 0) return [text(16, 0, 'none', 'left')];
  return texts.flatMap(({ name, value }, row) => [
    text(16, row, name, 'left'),
    text(WIDTH - RIGHT, row, shown(value, panel.unit), 'right'),
  ]);
}
