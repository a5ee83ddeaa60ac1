/** How things look in a terminal. */
import cliProgress from 'cli-progress'
import type { Peak } from '../../kernels/unit.ts'
import { plainText } from '../../site/text.ts'

const LONGEST_CELL = 500

/** JSON for scripts: numbers of the mathematics as decimal strings. */
export const printJson = (value: unknown): void =>
  console.log(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? v.toString() : v), 2))

/** One event of a command that runs on: a line of JSON. */
export const printJsonLine = (event: Record<string, unknown>): void => console.log(JSON.stringify(event))

/** A line beside the results: on stderr, and not in the red that console.error gives it. */
export const note = (text: string): boolean => process.stderr.write(`${text}\n`)

/** 2.8e11 -> "2.8e+11 numbers/s" */
export const rateText = (numbersPerSecond: number): string => `${numbersPerSecond.toExponential(2)} numbers/s`

export const peakText = (peak: Peak | null): string => (peak ? `${peak.value} (from n = ${peak.n})` : 'none')

export function durationText(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 1) return `${Math.round(milliseconds)} ms`
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}

/** Left-aligned columns; numbers right-aligned. */
export function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  // Names are what strangers call themselves.
  const cells = [header, ...rows.map((row) => row.map((cell) => plainText(String(cell), LONGEST_CELL)))]
  const widths = header.map((_, i) => Math.max(...cells.map((row) => Bun.stringWidth(row[i]!))))
  const numeric = header.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'))
  return cells
    .map((row) =>
      row
        .map((cell, i) => {
          const pad = ' '.repeat(widths[i]! - Bun.stringWidth(cell))
          return numeric[i] ? pad + cell : cell + pad
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export interface Bar {
  /** @param fraction 0 to 1 */
  update(fraction: number, note: string): void
  stop(): void
}

/** How long there must be figures before they say when it will be done. */
const ETA_AFTER_MS = 3_000
const REPAINT_MS = 1_000

/** When it will be done, by how fast it went since it began. Milliseconds throughout. */
export class Estimate {
  readonly began: number
  /** Done when it was last seen. */
  fraction = 0
  private first: number | null = null
  private at = 0

  constructor(began: number) {
    this.began = began
  }

  /** @param fraction done, 0 to 1 */
  see(fraction: number, now: number): void {
    // What was done before this run (a checkpoint) says nothing about how fast it is.
    this.first ??= fraction
    if (fraction !== this.fraction) this.at = now
    this.fraction = fraction
  }

  /** @returns null while too little is known, and at the end */
  left(now: number): number | null {
    const done = this.fraction - (this.first ?? 0)
    if (done <= 0 || this.fraction >= 1 || now - this.began < ETA_AFTER_MS) return null
    const left = ((this.at - this.began) * (1 - this.fraction)) / done
    return Math.max(0, left - (now - this.at))
  }
}

/**
 * A progress bar with ETA on stderr; where that is no terminal, a line every few seconds. It goes
 * on painting by itself where nothing is reported for long.
 *
 * @param clear take it from the screen when it is stopped
 */
export function progressBar(title: string, clear = false, estimate = new Estimate(performance.now())): Bar {
  const bar = new cliProgress.SingleBar({
    format: `${title} |{bar}| {percentage} %{left}{note}`,
    // What is said beside it matters more than the bar.
    barsize: Math.max(6, Math.min(28, (process.stderr.columns ?? 80) - title.length - 60)),
    // However the program ends, the cursor is there.
    hideCursor: false,
    noTTYOutput: true,
    notTTYSchedule: 5000,
    stream: process.stderr,
    clearOnComplete: clear,
    barCompleteChar: '█',
    barIncompleteChar: '░',
  })
  let note = ''
  const figures = () => {
    const now = performance.now()
    const left = estimate.left(now)
    const spent = now - estimate.began
    const soFar = spent < 1000 ? '' : ` · ${durationText(spent)} so far`
    const time = left === null ? soFar : ` · ETA ${durationText(left)}`
    return { note: note && ` · ${note}`, left: estimate.fraction < 1 ? time : '' }
  }
  const paint = () => bar.update(Math.floor(estimate.fraction * 1000), figures())
  bar.start(1000, Math.floor(estimate.fraction * 1000), figures())
  const timer = setInterval(paint, REPAINT_MS)
  return {
    update: (fraction, text) => {
      estimate.see(fraction, performance.now())
      note = text
      paint()
    },
    stop: () => {
      clearInterval(timer)
      bar.stop()
    },
  }
}

/** Nothing that is over sooner needs a bar. */
const BAR_AFTER_MS = 1_000

export interface LateBar extends Bar {
  /** Takes the bar from the screen, so that lines can be printed; it comes back by itself. */
  hide(): void
}

/**
 * A progress bar that appears after a second, reported or not, if there is still something to wait
 * for.
 */
export function lateBar(title: string): LateBar {
  const estimate = new Estimate(performance.now())
  let bar: Bar | null = null
  let last: [fraction: number, note: string] | null = null
  const show = () => {
    bar ??= progressBar(title, true, estimate)
    if (last) bar.update(...last)
  }
  const take = () => {
    bar?.stop()
    bar = null
  }
  const timer = setInterval(() => bar ?? show(), BAR_AFTER_MS)
  return {
    update(fraction, note) {
      last = [fraction, note]
      estimate.see(fraction, performance.now())
      // Here too, as no timer runs where one call takes all the time.
      if (performance.now() - estimate.began > BAR_AFTER_MS) show()
    },
    stop() {
      clearInterval(timer)
      take()
    },
    // In a log, lines and bars do not overwrite one another.
    hide: () => process.stderr.isTTY && take(),
  }
}
