/**
 * Numbers of any length, grouped for the eye and whole for the clipboard. The gaps between groups are margins, not
 * characters, and lines break at <wbr>: selecting 2 361 183 copies 2361183. A power carries a caret of no size, so that
 * 2 with a raised 71 copies as 2^71 and not as 271.
 */

import { Fragment, type JSX, type ReactNode } from 'react'
import type { SiteNetwork } from '../data.ts'
import { digitGroups, exponentOfTwo, windowsAbove } from '../format.ts'

/** A whole number, 0 or more. */
export function Num({ value }: { value: bigint | number }): JSX.Element {
  const groups = digitGroups(value)
  return (
    <span className="num">
      {groups.map((group, i) => (
        // The groups of one number never move: their place is their identity.
        <Fragment key={i}>
          {i > 0 && <wbr />}
          <span>{group}</span>
        </Fragment>
      ))}
    </span>
  )
}

/** Thousands to millions of something that is not whole, with so many digits after the point. x >= 0. */
export function Decimal({ value, digits }: { value: number; digits: number }): JSX.Element {
  const [whole = '0', fraction] = value.toFixed(digits).split('.')
  return (
    <span className="num">
      <Num value={BigInt(whole)} />
      {fraction !== undefined && `.${fraction}`}
    </span>
  )
}

export function Power({ base = 2, exponent }: { base?: ReactNode; exponent: ReactNode }): JSX.Element {
  return (
    <span className="pow">
      {base}
      <span className="caret">^</span>
      <sup>{exponent}</sup>
    </span>
  )
}

/** n as 2^71 + 3·2^40 where the network's cut gives it such a name, otherwise in decimal. */
export function Bound({ network, n }: { network: SiteNetwork; n: bigint }): JSX.Element {
  const k = windowsAbove(network, n)
  if (k === null) return <Num value={n} />
  const { value } = network.baseline
  const e = exponentOfTwo(value)
  return (
    <span className="bound">
      {(value > 0n || k === 0n) && (e === null ? <Num value={value} /> : <Power exponent={e} />)}
      {k > 0n && (
        <>
          {value > 0n && ' + '}
          <span className="term">
            {k > 1n && (
              <>
                <Num value={k} />·
              </>
            )}
            <Power exponent={network.windowBits} />
          </span>
        </>
      )}
    </span>
  )
}
