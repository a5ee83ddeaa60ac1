/** The two tables that more than one page shows. */
import type { JSX, ReactNode } from 'react'
import type { SiteAccount, SiteNetwork, SiteWindow } from '../data.ts'
import { byteSize, log2, shortKey, sigmaDistance, signed, windowStart } from '../format.ts'
import { type Tile, windowState } from '../window-state.ts'
import { Tombstone } from './chart.tsx'
import { FileLink, SiteLink } from './link.tsx'
import { Bound, Num, Power } from './number.tsx'

/** A name its owner chose, kept from turning the line round; without one, the key's first digits. */
export function AccountName({ account }: { account: SiteAccount }): JSX.Element {
  return account.name === null ? <code>{shortKey(account.key)}</code> : <bdi>{account.name}</bdi>
}

export function AccountTable({
  accounts,
  caption,
}: {
  accounts: readonly SiteAccount[]
  caption: ReactNode
}): JSX.Element {
  return (
    <table className="accounts">
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col" className="rank">
            Rank
          </th>
          <th scope="col">Account</th>
          <th scope="col" className="figure">
            Units
          </th>
          <th scope="col" className="figure roomy">
            Hard numbers
          </th>
          <th scope="col" className="figure roomy">
            Numbers, about
          </th>
        </tr>
      </thead>
      <tbody>
        {accounts.map((account, i) => (
          <tr key={account.key}>
            <td className="rank">{i + 1}</td>
            <th scope="row">
              <SiteLink to="/accounts/$key/" params={{ key: account.key }}>
                <AccountName account={account} />
              </SiteLink>
              <span className="under">
                <span className={account.level === 'BANNED' ? 'level banned' : 'level'}>
                  {account.level.toLowerCase()}
                </span>
                {account.name !== null && <code>{shortKey(account.key)}</code>}
              </span>
            </th>
            <td className="figure">
              <Num value={account.units} />
            </td>
            <td className="figure roomy">
              <Num value={account.hardNumbers} />
            </td>
            <td className="figure roomy">
              {account.numbers === 0n ? '0' : <Power exponent={log2(account.numbers).toFixed(1)} />}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

export function Sigma({ window }: { window: SiteWindow }): JSX.Element {
  const z = sigmaDistance(window)
  return z === null ? <span className="quiet">–</span> : <span className="num">{signed(z, 2)} σ</span>
}

function tileOf(window: SiteWindow, gaps: ReadonlySet<bigint>): Tile {
  const { index, unitsDone, unitsTotal } = window
  return { index, state: windowState(window), gap: gaps.has(index), unitsDone, unitsTotal, known: true }
}

export function WindowTable({
  windows,
  gaps,
  network,
}: {
  windows: readonly SiteWindow[]
  gaps: readonly bigint[]
  network: SiteNetwork
}): JSX.Element {
  const gapSet = new Set(gaps)
  return (
    <table className="windows">
      <caption>Every window with a certified unit, and those that the frontier waits for, the newest first</caption>
      <thead>
        <tr>
          <th scope="col">Window</th>
          <th scope="col" className="roomy">
            From
          </th>
          <th scope="col" className="figure">
            Units
          </th>
          <th scope="col" className="figure roomy">
            Hard numbers
          </th>
          <th scope="col" className="figure">
            Off by
          </th>
          <th scope="col" className="roomy">
            Certificate
          </th>
        </tr>
      </thead>
      <tbody>
        {windows.toReversed().map((window) => (
          <tr key={window.index.toString()}>
            <th scope="row">
              <Tombstone tile={tileOf(window, gapSet)} />
              <SiteLink to="/windows/$index/" params={{ index: window.index.toString() }}>
                <Num value={window.index} />
              </SiteLink>
              <span className="under narrow">
                from <Bound network={network} n={windowStart(network, window.index)} />
              </span>
            </th>
            <td className="roomy">
              <Bound network={network} n={windowStart(network, window.index)} />
            </td>
            <td className="figure">
              <Num value={window.unitsDone} />
              <span className="quiet"> / {window.unitsTotal}</span>
            </td>
            <td className="figure roomy">
              <Num value={window.hardCount} />
            </td>
            <td className="figure">
              <Sigma window={window} />
            </td>
            <td className="roomy">
              {window.certificate === null ? (
                <span className="quiet">not yet</span>
              ) : (
                <FileLink path={`certificates/${window.certificate.file}`} download>
                  {byteSize(window.certificate.bytes)}
                </FileLink>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
