/** How far a window has come, for tiles, tables and sentences. */
import type { SiteData, SiteWindow } from './data.ts'

export type WindowState = 'certified' | 'working' | 'open'

export function windowState(window: SiteWindow): WindowState {
  if (window.certificate !== null || window.dealtAtRound !== null) return 'certified'
  return window.unitsDone > 0 ? 'working' : 'open'
}

export interface Tile {
  readonly index: bigint
  readonly state: WindowState
  /** Above the frontier and below a certified window. */
  readonly gap: boolean
  readonly unitsDone: number
  readonly unitsTotal: number
  /** Whether the window has a page. */
  readonly known: boolean
}

/** The windows of the data and its gaps, in order of their index. */
export function tiles(data: SiteData): Tile[] {
  const gaps = new Set(data.gaps)
  const known: Tile[] = data.windows.map((window) => ({
    index: window.index,
    state: windowState(window),
    gap: gaps.has(window.index),
    unitsDone: window.unitsDone,
    unitsTotal: window.unitsTotal,
    known: true,
  }))
  const listed = new Set(data.windows.map((window) => window.index))
  const missing: Tile[] = data.gaps
    .filter((index) => !listed.has(index))
    .map((index) => ({
      index,
      state: 'open',
      gap: true,
      unitsDone: 0,
      unitsTotal: data.network.unitsPerWindow,
      known: false,
    }))
  return [...known, ...missing].sort((a, b) => (a.index < b.index ? -1 : 1))
}

/** How many windows are certified, wherever they lie. */
export function certifiedCount(data: SiteData): number {
  return data.windows.filter((window) => windowState(window) === 'certified').length
}
