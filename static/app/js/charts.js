// Draws every figure[data-chart] from its JSON. Colours are read from the style sheet's variables,
// so one drawing serves both themes; a change of theme draws again.
//
// kind → data: histogram {bins:[{label,count,tone}],x,y} · line {points:[{x,y}],name,min,max,
// zones:[{low,high,tone,name}],marks:[{x,label}],more:[{name,points}]} · stacked {labels,
// series:[{name,tone,values}],x,y,share} · hbar {labels,values,name,x,tones,urls} · scatter
// {points:[{x,y,name,tone,url}],x,y,logx} · matrix {columns,rows,cells:[{x,y,v,n}],name}
(() => {
  "use strict";
  const { Chart } = window;
  if (!Chart) return;
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);

  // The browser resolves light-dark() for us; an alpha is added to the resolved colour.
  const color = (name, alpha = 1) => {
    probe.style.color = `var(--${name})`;
    const found = getComputedStyle(probe).color;
    return alpha === 1 ? found : found.replace(/^rgba?\(([^,]+, [^,]+, [^,)]+).*\)$/, `rgba($1, ${alpha})`);
  };
  const tone = (name, alpha) => color(`${name || "unknown"}-fill`, alpha);
  const series = (index, alpha) => color(`series-${(index % 5) + 1}`, alpha);
  const figure = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  const axis = (title, more = {}) => ({
    title: { display: Boolean(title), text: title, color: color("ink-3"), font: { size: 11 } },
    grid: { color: color("line"), drawTicks: false },
    border: { display: false },
    ...more,
    ticks: { color: color("ink-3"), padding: 6, maxRotation: 0, ...more.ticks },
  });
  const bare = (title, more = {}) => axis(title, { grid: { display: false }, ...more });
  const follow = (urls) => ({
    onClick: (event, hits) => { if (hits[0] && urls[hits[0].index]) location.assign(urls[hits[0].index]); },
    onHover: (event, hits) => { event.native.target.style.cursor = hits[0] && urls[hits[0].index] ? "pointer" : ""; },
  });
  // A line needs two points: one between gaps, or the only one, is drawn as a dot.
  const empty = (point) => !point || point.y === null;
  const alone = (points, at) => empty(points[at - 1]) && empty(points[at + 1]);
  // Tones are also told apart by a hatch where bands meet in one bar.
  const hatch = (paint) => {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const pen = tile.getContext("2d");
    pen.fillStyle = paint;
    pen.fillRect(0, 0, 6, 6);
    pen.strokeStyle = color("surface", 0.55);
    pen.lineWidth = 1.2;
    pen.beginPath();
    pen.moveTo(-1, 7);
    pen.lineTo(7, -1);
    pen.stroke();
    return pen.createPattern(tile, "repeat");
  };
  const paint = (name) => (name === "poor" ? hatch(tone("poor")) : tone(name));

  const kinds = {
    histogram: (data) => ({
      type: "bar",
      data: {
        labels: data.bins.map((bin) => bin.label),
        datasets: [{
          data: data.bins.map((bin) => bin.count),
          backgroundColor: data.bins.map((bin) => paint(bin.tone)),
          categoryPercentage: 1,
          barPercentage: 0.92,
          borderRadius: 2,
        }],
      },
      options: {
        scales: { x: bare(data.x, { ticks: { autoSkip: true, maxTicksLimit: 11 } }), y: axis(data.y, { beginAtZero: true, ticks: { precision: 0, callback: (v) => short.format(v) } }) },
        plugins: { legend: { display: false } },
      },
    }),

    line: (data) => {
      const lines = [{ name: data.name, points: data.points }, ...(data.more || [])];
      const annotations = {};
      (data.zones || []).forEach((zone, index) => {
        annotations[`zone${index}`] = {
          type: "box", yMin: zone.low, yMax: zone.high, drawTime: "beforeDatasetsDraw", borderWidth: 0,
          backgroundColor: tone(zone.tone, 0.09),
          label: { display: true, content: zone.name, position: { x: "end", y: "start" }, color: color(`${zone.tone}-ink`), font: { size: 10, weight: "normal" }, padding: 3 },
        };
      });
      (data.marks || []).forEach((mark, index) => {
        annotations[`mark${index}`] = {
          type: "line", xMin: mark.x, xMax: mark.x, borderColor: color("ink-2"), borderWidth: 1, borderDash: [3, 3],
          label: { display: true, content: mark.label, position: "start", backgroundColor: color("surface"), color: color("ink-2"), font: { size: 10, weight: "normal" }, padding: 3, rotation: 0 },
        };
      });
      return {
        type: "line",
        data: {
          datasets: lines.map((line, index) => ({
            label: line.name, data: line.points, borderColor: series(index), backgroundColor: series(index),
            borderWidth: index ? 1.5 : 2, borderDash: index ? [5, 3] : [], pointRadius: (at) => (alone(line.points, at.dataIndex) ? 3 : 0), pointHitRadius: 12, spanGaps: false, tension: 0,
          })),
        },
        options: {
          interaction: { mode: "index", intersect: false },
          scales: {
            x: bare("", { type: "time", time: { minUnit: "day", tooltipFormat: "d MMM yyyy", displayFormats: { day: "d MMM", week: "d MMM", month: "MMM yyyy" } }, ticks: { maxTicksLimit: 8 } }),
            y: axis(data.y, { min: data.min, max: data.max, ticks: { maxTicksLimit: 6 } }),
          },
          plugins: { legend: { display: lines.length > 1 }, annotation: { annotations } },
        },
      };
    },

    stacked: (data) => ({
      type: "bar",
      data: {
        labels: data.labels,
        datasets: data.series.map((each, index) => ({
          label: each.name, data: each.values, backgroundColor: each.tone ? paint(each.tone) : series(index),
          borderColor: color("surface"), borderWidth: { top: 1 }, maxBarThickness: 44,
        })),
      },
      options: {
        scales: { x: bare(data.x, { stacked: true }), y: axis(data.y, { stacked: true, max: data.share ? 100 : undefined, beginAtZero: true, ticks: { callback: (v) => (data.share ? `${v}%` : short.format(v)) } }) },
        interaction: { mode: "index" },
      },
    }),

    hbar: (data) => ({
      type: "bar",
      data: {
        labels: data.labels,
        datasets: [{ label: data.name, data: data.values, backgroundColor: data.tones ? data.tones.map(paint) : series(0), borderRadius: 2, maxBarThickness: 18 }],
      },
      options: {
        indexAxis: "y",
        scales: { x: axis(data.x, { beginAtZero: true, ticks: { callback: (v) => short.format(v), maxTicksLimit: 6 } }), y: bare("", { ticks: { color: color("ink"), autoSkip: false } }) },
        plugins: { legend: { display: false } },
        ...(data.urls ? follow(data.urls) : {}),
      },
    }),

    scatter: (data) => ({
      type: "scatter",
      data: {
        datasets: [{
          data: data.points,
          pointBackgroundColor: data.points.map((point) => tone(point.tone, 0.65)),
          pointBorderWidth: 0,
          pointRadius: 3.5,
          pointHoverRadius: 6,
          pointStyle: data.points.map((point) => ({ good: "circle", fair: "rect", poor: "triangle" })[point.tone] || "crossRot"),
        }],
      },
      options: {
        scales: { x: axis(data.x, { type: data.logx ? "logarithmic" : "linear", ticks: { callback: (v) => short.format(v), maxTicksLimit: 8 } }), y: axis(data.y, { ticks: { callback: (v) => short.format(v), maxTicksLimit: 6 } }) },
        plugins: { legend: { display: false }, tooltip: { callbacks: { label: ({ raw }) => `${raw.name}: ${figure.format(raw.x)}, ${figure.format(raw.y)}` } } },
        ...follow(data.points.map((point) => point.url)),
      },
    }),

    matrix: (data) => {
      const most = Math.max(...data.cells.map((cell) => cell.v ?? 0), 0) || 1;
      return {
        type: "matrix",
        data: {
          datasets: [{
            label: data.name,
            data: data.cells,
            backgroundColor: ({ raw }) => (raw?.v == null ? color("surface-2") : tone("poor", 0.08 + (0.9 * raw.v) / most)),
            borderRadius: 3,
            width: ({ chart }) => (chart.chartArea ? chart.chartArea.width / data.columns.length - 3 : 0),
            height: ({ chart }) => (chart.chartArea ? chart.chartArea.height / data.rows.length - 3 : 0),
          }],
        },
        options: {
          scales: { x: bare("", { type: "category", labels: data.columns, offset: true }), y: bare("", { type: "category", labels: data.rows, offset: true }) },
          plugins: { legend: { display: false }, tooltip: { callbacks: { title: () => "", label: ({ raw }) => `${raw.y}, ${raw.x}: ${raw.v == null ? "unknown" : figure.format(raw.v)} (n ${figure.format(raw.n)})` } } },
        },
      };
    },
  };

  const drawn = new Map();
  const draw = (host) => {
    const canvas = host.querySelector("canvas");
    const data = JSON.parse(host.querySelector("script[type='application/json']").textContent);
    drawn.get(host)?.destroy();
    Object.assign(Chart.defaults, { color: color("ink-2"), borderColor: color("line"), maintainAspectRatio: false });
    Object.assign(Chart.defaults.font, { family: getComputedStyle(document.body).fontFamily, size: 11 });
    const config = kinds[host.dataset.chart](data);
    // A second drawing (theme, paper) must be complete at once.
    config.options.animation = still || drawn.has(host) ? false : { duration: 260 };
    config.options.plugins = {
      ...config.options.plugins,
      legend: { align: "start", position: "bottom", labels: { boxWidth: 9, boxHeight: 9, padding: 14 }, ...config.options.plugins?.legend },
      tooltip: { backgroundColor: color("ink"), titleColor: color("surface"), bodyColor: color("surface"), padding: 9, cornerRadius: 6, boxWidth: 8, boxHeight: 8, boxPadding: 4, ...config.options.plugins?.tooltip },
    };
    drawn.set(host, new Chart(canvas, config));
  };
  const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);
  // Text drawn before the font is there keeps the fallback's width.
  document.fonts.ready.then(drawAll);
  document.addEventListener("themechange", () => drawn.size && drawAll());
  document.addEventListener("htmx:afterSwap", (event) => event.target.querySelectorAll("[data-chart]").forEach(draw));
})();
