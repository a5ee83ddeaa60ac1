/**
 * Pictures drawn once, as SVG inside the page. They hold no style attributes (the page's policy forbids them) and say in
 * their label what they show; the same figures stand beside them as text.
 */
import type { JSX } from 'react'
import type { SiteWindow } from '../data.ts'
import { digitGroups, sigmaDistance, signed } from '../format.ts'
import type { Tile } from '../window-state.ts'
import { SiteLink } from './link.tsx'

/** A window as a tombstone, the sign that ends a proof: full when certified, filled as far as its units are done. */
export function Tombstone({ tile }: { tile: Tile }): JSX.Element {
  const share = tile.state === 'certified' ? 1 : tile.unitsTotal === 0 ? 0 : tile.unitsDone / tile.unitsTotal
  const height = Math.round(share * 16)
  return (
    <svg className={tile.gap ? 'stone gap' : 'stone'} viewBox="0 0 20 20" aria-hidden="true">
      <rect className="edge" x="2" y="2" width="16" height="16" />
      {height > 0 && <rect className="fill" x="2" y={18 - height} width="16" height={height} />}
    </svg>
  )
}

function tileText(tile: Tile): string {
  if (tile.state === 'certified') return 'certified'
  const units = `${tile.unitsDone} of ${tile.unitsTotal} units`
  return tile.gap ? `gap, ${units}` : units
}

/** Windows in order, each a link to its page. */
export function Tiles({ tiles }: { tiles: readonly Tile[] }): JSX.Element {
  return (
    <ol className="tiles">
      {tiles.map((tile) => {
        const label = `Window ${tile.index}: ${tileText(tile)}`
        return (
          <li key={tile.index.toString()}>
            {tile.known ? (
              <SiteLink
                to="/windows/$index/"
                params={{ index: tile.index.toString() }}
                title={label}
                aria-label={label}
              >
                <Tombstone tile={tile} />
              </SiteLink>
            ) : (
              <span role="img" aria-label={label} title={label}>
                <Tombstone tile={tile} />
              </span>
            )}
          </li>
        )
      })}
    </ol>
  )
}

/** Windows that one picture holds; the newest are shown. */
const SCATTER_WINDOWS = 60
const SCATTER = { left: 34, right: 316, middle: 75, sigma: 16 }

/** Where each complete window's count lies, in standard deviations from the theory. */
export function SigmaChart({ windows }: { windows: readonly SiteWindow[] }): JSX.Element | null {
  const all = windows.flatMap((window) => sigmaDistance(window) ?? [])
  const points = all.slice(-SCATTER_WINDOWS)
  if (points.length === 0) return null
  const { left, right, middle, sigma } = SCATTER
  const inside = points.filter((z) => Math.abs(z) <= 2).length
  const greatest = Math.max(...points.map(Math.abs))
  const step = (right - left) / points.length
  return (
    <figure className="chart">
      <svg
        viewBox="0 0 320 150"
        role="img"
        aria-label={`Counted against expected hard numbers for ${points.length} windows: ${inside} within two standard deviations, the farthest at ${greatest.toFixed(2)}.`}
      >
        <rect className="band outer" x={left} y={middle - 2 * sigma} width={right - left} height={4 * sigma} />
        <rect className="band" x={left} y={middle - sigma} width={right - left} height={2 * sigma} />
        <line className="axis" x1={left} x2={right} y1={middle} y2={middle} />
        {[-4, -2, 0, 2, 4].map((z) => (
          <text key={z} className="tick" x={left - 6} y={middle - z * sigma + 4} textAnchor="end">
            {z === 0 ? '0' : `${signed(z, 0)}σ`}
          </text>
        ))}
        {points.map((z, i) => {
          const y = middle - Math.max(-4.3, Math.min(4.3, z)) * sigma
          return (
            <circle
              // A point's place on the axis is its identity.
              key={i}
              className={Math.abs(z) > 4 ? 'point far' : 'point'}
              cx={(left + (i + 0.5) * step).toFixed(1)}
              cy={y.toFixed(1)}
              r="3"
            />
          )
        })}
      </svg>
      <figcaption>
        Counted against expected hard numbers, one dot a window
        {all.length > points.length && `, the newest ${points.length} of ${all.length}`}. Correct work falls within the
        inner band about two times in three, within the outer one nineteen times in twenty.
      </figcaption>
    </figure>
  )
}

const BELL = { left: 10, right: 310, base: 104, height: 84 }

/** Inside SVG a gap has to be a character: the narrow one that does not break. */
const axisNumber = (x: number): string => digitGroups(Math.max(0, Math.round(x))).join('\u202f')

/** One window's count on the bell curve that theory expects. */
export function BellChart({ window }: { window: SiteWindow }): JSX.Element | null {
  const z = sigmaDistance(window)
  if (z === null) return null
  const { left, right, base, height } = BELL
  const x = (s: number): number => left + ((Math.max(-4.2, Math.min(4.2, s)) + 4.2) / 8.4) * (right - left)
  const y = (s: number): number => base - height * Math.exp((-s * s) / 2)
  const steps = Array.from({ length: 57 }, (_, i) => -4.2 + i * 0.15)
  const curve = steps.map((s) => `${x(s).toFixed(1)} ${y(s).toFixed(1)}`).join(' L')
  const anchor = z > 1.5 ? 'end' : z < -1.5 ? 'start' : 'middle'
  return (
    <figure className="chart">
      <svg
        viewBox="0 0 320 140"
        role="img"
        aria-label={`${window.hardCount} hard numbers counted, ${window.expectedHard.toFixed(1)} expected: ${signed(z, 2)} standard deviations.`}
      >
        <path className="band" d={`M${curve} L${right} ${base} L${left} ${base} Z`} />
        <path className="curve" d={`M${curve}`} />
        <line className="axis" x1={left} x2={right} y1={base} y2={base} />
        {[-3, -2, -1, 0, 1, 2, 3].map((s) => (
          <line key={s} className="axis" x1={x(s).toFixed(1)} x2={x(s).toFixed(1)} y1={base} y2={base + 4} />
        ))}
        {[-2, 0, 2].map((s) => (
          <text key={s} className="tick" x={x(s).toFixed(1)} y={base + 17} textAnchor="middle">
            {axisNumber(window.expectedHard + s * window.expectedSd)}
          </text>
        ))}
        <line className="mark" x1={x(z).toFixed(1)} x2={x(z).toFixed(1)} y1="14" y2={base} />
        <text className="label" x={x(z).toFixed(1)} y="10" textAnchor={anchor}>
          {axisNumber(window.hardCount)} counted
        </text>
      </svg>
      <figcaption>The count of this window on the distribution that theory expects.</figcaption>
    </figure>
  )
}
