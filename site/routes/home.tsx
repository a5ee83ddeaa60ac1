/** The frontier as a theorem, the windows behind it, the accounts that did the work, and how to join them. */
import { createRoute } from '@tanstack/react-router'
import type { JSX } from 'react'
import { useSite } from '../context.ts'
import type { SiteData } from '../data.ts'
import { boundText, counted, windowStart, windowsAbove } from '../format.ts'
import { SigmaChart, Tiles } from '../parts/chart.tsx'
import { SiteLink } from '../parts/link.tsx'
import { Bound, Num, Power } from '../parts/number.tsx'
import { AccountTable } from '../parts/tables.tsx'
import { Citation, RestsOn } from '../parts/trust.tsx'
import { certifiedCount, tiles, windowState } from '../window-state.ts'
import { rootRoute } from './root.tsx'

/** Tiles and ranks on the first page; the whole lists have pages of their own. */
const NEWEST_TILES = 96
const TOP_ACCOUNTS = 20

export const homeRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/',
  head: ({ match }) => {
    const { network, frontier } = match.context.data
    const bound = boundText(network, frontier)
    return {
      meta: [
        { title: `Every n below ${bound} · collatz` },
        { name: 'description', content: `The verified limit of the Collatz conjecture on ${network.name}: ${bound}.` },
      ],
    }
  },
  component: Home,
})

function Claim({ data }: { data: SiteData }): JSX.Element {
  const { network, frontier } = data
  const k = windowsAbove(network, frontier)
  return (
    <section className="claim" aria-labelledby="claim">
      <h1 id="claim">
        Every <var>n</var> below{' '}
        <span className="display">
          <Bound network={network} n={frontier} />
          {boundText(network, frontier) !== frontier.toString() && (
            <span className="decimal">
              {' '}
              = <Num value={frontier} />
            </span>
          )}
        </span>{' '}
        {network.map === '3n+1' ? 'converges' : 'has been followed'}
      </h1>
      <p className="given">
        {', '}
        given <Citation network={network} />
        {frontier > network.baseline.value && (
          <>
            {' '}
            for <var>n</var> below <Bound network={network} n={network.baseline.value} />
            {' and '}
            <SiteLink to="/windows/">{k === 1n ? 'one certificate' : `${k ?? 'the'} certificates`}</SiteLink> for the
            rest
          </>
        )}
        .
      </p>
      <p className="meaning">
        To converge is to reach 1 by halving what is even and taking <var>n</var> to (3<var>n</var> + 1)/2 where it is
        odd.
      </p>
    </section>
  )
}

function Progress({ data }: { data: SiteData }): JSX.Element {
  const { network, frontier } = data
  const all = tiles(data)
  const shown = all.slice(-NEWEST_TILES)
  const next = data.windows.find((window) => windowStart(network, window.index) === frontier)
  const certified = certifiedCount(data)
  return (
    <section aria-labelledby="progress">
      <h2 id="progress">Windows</h2>
      {all.length === 0 ? (
        <p className="empty">
          No unit is certified yet. The first window starts at <Bound network={network} n={frontier} /> and holds{' '}
          <Power exponent={network.windowBits} /> numbers in {counted(network.unitsPerWindow, 'unit')}.
        </p>
      ) : (
        <>
          <p>
            A window is <Power exponent={network.windowBits} /> consecutive numbers, cut into{' '}
            {counted(network.unitsPerWindow, 'unit')}.{' '}
            {certified === 0 ? 'None is' : certified === 1 ? 'One is' : `${certified} are`} certified
            {data.gaps.length > 0 && `, with ${counted(data.gaps.length, 'gap')} below the highest`}.
          </p>
          <Tiles tiles={shown} />
          {shown.some((tile) => tile.state !== 'certified') && (
            <p className="note">
              A full square is a certified window, a part of one a window in work
              {data.gaps.length > 0 && ', a broken outline a gap'}.
            </p>
          )}
          {shown.length < all.length && (
            <p className="note">
              The newest {shown.length} of {all.length}. <SiteLink to="/windows/">All windows</SiteLink>
            </p>
          )}
          {next !== undefined && windowState(next) !== 'certified' && (
            <p className="next">
              <label htmlFor="next-window">
                The next one, from <Bound network={network} n={frontier} />: {next.unitsDone} of{' '}
                {counted(next.unitsTotal, 'unit')}
              </label>
              <progress id="next-window" value={next.unitsDone} max={next.unitsTotal} />
            </p>
          )}
          <SigmaChart windows={data.windows} />
        </>
      )}
    </section>
  )
}

function Leaderboard({ data }: { data: SiteData }): JSX.Element {
  const top = data.accounts.slice(0, TOP_ACCOUNTS)
  return (
    <section aria-labelledby="leaderboard">
      <h2 id="leaderboard">Leaderboard</h2>
      {top.length === 0 ? (
        <p className="empty">No account has an accepted unit yet. The first one to join and work stands here alone.</p>
      ) : (
        <>
          <AccountTable accounts={top} caption="Accounts by accepted units" />
          {top.length < data.accounts.length && (
            <p className="note">
              The first {top.length} of {data.accounts.length}. <SiteLink to="/accounts/">All accounts</SiteLink>
            </p>
          )}
        </>
      )}
    </section>
  )
}

function Join({ data }: { data: SiteData }): JSX.Element {
  const { network } = data
  return (
    <section aria-labelledby="join">
      <h2 id="join">Join</h2>
      <p>One command makes your machine part of this network:</p>
      <pre>
        <code>collatz join {network.join ?? 'ADDRESS'}</code>
      </pre>
      {network.join === null && (
        <p>
          The founder gives you the address, or the genesis file in its place. Its CID must be the network’s, at the
          foot of this page.
        </p>
      )}
      <p>
        Then <code>collatz work</code> computes the units that the draw gives you, and your account appears here.
      </p>
    </section>
  )
}

function Home(): JSX.Element {
  const { data } = useSite()
  return (
    <>
      <Claim data={data} />
      <div className="columns">
        <div>
          <Progress data={data} />
          <Leaderboard data={data} />
        </div>
        <div>
          <section aria-labelledby="rests">
            <h2 id="rests">What it rests on</h2>
            <RestsOn network={data.network} />
            <p>
              <SiteLink to="/believe/">Why believe it</SiteLink>, step by step
            </p>
          </section>
          <Join data={data} />
        </div>
      </div>
    </>
  )
}
