/** Every window that has a finished unit, with the gaps between them. */
import { createRoute } from '@tanstack/react-router'
import { Fragment, type JSX } from 'react'
import { useSite } from '../context.ts'
import { SigmaChart } from '../parts/chart.tsx'
import { SiteLink } from '../parts/link.tsx'
import { Bound, Num, Power } from '../parts/number.tsx'
import { WindowTable } from '../parts/tables.tsx'
import { certifiedCount } from '../window-state.ts'
import { rootRoute } from './root.tsx'

export const windowsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/windows',
  head: () => ({
    meta: [
      { title: 'Windows · collatz' },
      { name: 'description', content: 'Every window of this network: units, hard numbers, certificate.' },
    ],
  }),
  component: Windows,
})

function Windows(): JSX.Element {
  const { data } = useSite()
  const { network, frontier, gaps } = data
  return (
    <>
      <h1>Windows</h1>
      <p className="lead">
        Window <var>w</var> holds the <Power exponent={network.windowBits} /> numbers from <var>w</var>·
        <Power exponent={network.windowBits} /> on. The frontier moves by whole windows; it is at{' '}
        <Bound network={network} n={frontier} />.
      </p>
      {data.windows.length === 0 ? (
        <p className="empty">
          No unit is certified yet. The first window will be <Num value={frontier >> BigInt(network.windowBits)} />.
        </p>
      ) : (
        <>
          <SigmaChart windows={data.windows} />
          <WindowTable windows={data.windows} gaps={gaps} network={network} />
          {certifiedCount(data) === 0 && <p className="note">None is certified yet.</p>}
          {gaps.length > 0 && (
            <p>
              Gaps, which the frontier waits for:{' '}
              {gaps.map((index, i) => (
                <Fragment key={index.toString()}>
                  {i > 0 && ', '}
                  <Num value={index} />
                </Fragment>
              ))}
              .
            </p>
          )}
          <p className="note">
            What a hard number is, and why theory knows how many there are:{' '}
            <SiteLink to="/believe/" hash="result">
              the result
            </SiteLink>
          </p>
        </>
      )}
    </>
  )
}
