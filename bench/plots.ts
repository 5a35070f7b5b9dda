// The plots of docs/design/performance.md, as SVG. Pure.

import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Series } from './results.ts';

export interface PlotLine {
  readonly name: string;
  readonly points: Series[string];
  /** Lines of one colour belong together. */
  readonly color: 'blue' | 'orange';
  readonly isDashed: boolean;
  /** Each point is a measurement of its own. */
  readonly hasMarks: boolean;
}

export interface Plot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly lines: readonly PlotLine[];
}

const SIZE = { width: 720, height: 380 };
/** Told apart by all kinds of sight, and dark enough on the white that the picture brings along. */
const COLORS = { blue: '#0b63b0', orange: '#c05a00' };

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

export function drawPlot({ title, x, y, lines }: Plot): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...SIZE });
  const axis = { type: 'value', min: 0, nameLocation: 'middle', nameTextStyle: { fontSize: 12, color: '#333333' } };
  chart.setOption({
    animation: false,
    // Of its own, so that it can be read on dark pages too.
    backgroundColor: '#ffffff',
    title: { text: title, left: 12, top: 8, textStyle: { fontSize: 14 } },
    legend: { top: 34, left: 60, itemWidth: 28, itemGap: 16, textStyle: { fontSize: 12, color: '#333333' } },
    grid: { left: 62, right: 24, top: lines.length > 3 ? 88 : 66, bottom: 50 },
    xAxis: { ...axis, name: x, nameGap: 28, splitLine: { show: false } },
    yAxis: { ...axis, name: y, nameGap: 42 },
    series: lines.map(({ name, points, color, isDashed, hasMarks }) => ({
      type: 'line',
      name,
      data: thinned(points),
      showSymbol: hasMarks,
      symbol: 'circle',
      symbolSize: 6,
      itemStyle: { color: COLORS[color] },
      lineStyle: { width: 2, type: isDashed ? 'dashed' : 'solid' },
    })),
  });
  // Its only rules are about a pointer, and its ids and classes count the pictures of the process.
  const svg = chart
    .renderToSVGString()
    .replaceAll(/<style[^]*?<\/style>\n?/g, '')
    .replaceAll(/ class="zr\d+-cls-\d+"/g, '')
    .replaceAll(/zr\d+-/g, 'zr-');
  chart.dispose();
  return `${svg}\n`;
}

const MOST_POINTS = 100;

/** What the eye sees of many points, and the last. */
function thinned<Point>(points: readonly Point[]): readonly Point[] {
  const step = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, at) => at % step === 0 || at === points.length - 1);
}
