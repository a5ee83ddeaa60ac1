/** How things look in a terminal. */
import cliProgress from 'cli-progress'
import type { Peak } from '../kernels/unit.ts'
import { plainText } from '../site/text.ts'

const LONGEST_CELL = 500

/** JSON for scripts: numbers of the mathematics as decimal strings. */
export const printJson = (value: unknown): void =>
  console.log(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? v.toString() : v), 2))

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
  const widths = header.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)))
  const numeric = header.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'))
  return cells
    .map((row) =>
      row
        .map((cell, i) => (numeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
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

/**
 * A progress bar with ETA on stderr; where that is no terminal, a line every few seconds.
 *
 * @param clear take it from the screen when it is stopped
 */
export function progressBar(title: string, clear = false): Bar {
  const bar = new cliProgress.SingleBar({
    format: `${title} |{bar}| {percentage} % · {left}{note}`,
    barsize: 28,
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 5000,
    stream: process.stderr,
    clearOnComplete: clear,
    barCompleteChar: '█',
    barIncompleteChar: '░',
  })
  bar.start(1000, 0, { note: '', left: '' })
  const began = performance.now()
  let first: number | null = null
  return {
    update: (fraction, note) => {
      // What was done before this run (a checkpoint) says nothing about how fast it is.
      first ??= fraction
      const remaining = ((performance.now() - began) * (1 - fraction)) / (fraction - first)
      const left = fraction - first > 0.002 && fraction < 1 ? `ETA ${durationText(remaining)} · ` : ''
      bar.update(Math.floor(fraction * 1000), { note, left })
    },
    stop: () => bar.stop(),
  }
}

/** Nothing that is over sooner needs a bar. */
const BAR_AFTER_MS = 1_000

export interface LateBar extends Bar {
  /** Takes the bar from the screen, so that lines can be printed; the next update brings it back. */
  hide(): void
}

/** A progress bar that appears when there is still something to wait for after a second. */
export function lateBar(title: string): LateBar {
  const began = performance.now()
  let bar: Bar | null = null
  const stop = () => {
    bar?.stop()
    bar = null
  }
  return {
    update(fraction, note) {
      if (performance.now() - began > BAR_AFTER_MS) bar ??= progressBar(title, true)
      bar?.update(fraction, note)
    },
    stop,
    // In a log, lines and bars do not overwrite one another.
    hide: () => process.stderr.isTTY && stop(),
  }
}
