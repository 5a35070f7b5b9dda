// Answers queries as Prometheus does, over series in the notation of promtool's tests.
//
// Standard input: {"series": "load 1m\n  up 1x10\n", "minutes": 10, "queries": ["up"]}
// Standard output: for each query a list of lines, [{"labels": {"job": "a"}, "values": [[60, 1.5], …]}, …]; times in
// seconds from the first sample on, one a minute.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
)

var version string

type question struct {
	Series  string   `json:"series"`
	Minutes int      `json:"minutes"`
	Queries []string `json:"queries"`
}

type line struct {
	Labels map[string]string `json:"labels"`
	Values [][2]float64      `json:"values"`
}

func main() {
	if len(os.Args) > 1 {
		fmt.Println("promql " + version)
		return
	}
	if err := answer(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer() error {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	loader, err := promqltest.NewLazyLoader(asked.Series, promqltest.LazyLoaderOpts{})
	if err != nil {
		return err
	}
	defer loader.Close()
	start, end := time.Unix(0, 0).UTC(), time.Unix(int64(asked.Minutes)*60, 0).UTC()
	var failed error
	loader.WithSamplesTill(end, func(err error) { failed = err })
	if failed != nil {
		return failed
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Minute, EnableAtModifier: true})
	answers := make([][]line, 0, len(asked.Queries))
	for _, query := range asked.Queries {
		lines, err := ask(engine, loader, query, start, end)
		if err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		answers = append(answers, lines)
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func ask(engine *promql.Engine, loader *promqltest.LazyLoader, query string, start, end time.Time) ([]line, error) {
	ctx := context.Background()
	run, err := engine.NewRangeQuery(ctx, loader.Queryable(), nil, query, start, end, time.Minute)
	if err != nil {
		return nil, err
	}
	defer run.Close()
	result := run.Exec(ctx)
	matrix, err := result.Matrix()
	if err != nil {
		return nil, err
	}
	lines := []line{}
	for _, series := range matrix {
		lines = append(lines, line{Labels: series.Metric.Map(), Values: valuesOf(series.Floats)})
	}
	return lines, nil
}

func valuesOf(points []promql.FPoint) [][2]float64 {
	values := make([][2]float64, 0, len(points))
	for _, point := range points {
		values = append(values, [2]float64{float64(point.T) / 1000, point.F})
	}
	return values
}
