/** One window: its numbers, how far its units are, its hard numbers against the theory, its peak, its certificate. */
import { createRoute, notFound } from '@tanstack/react-router'
import type { JSX } from 'react'
import { useSite } from '../context.ts'
import type { SiteData, SiteWindow } from '../data.ts'
import { byteSize, log2, roundTime, windowStart } from '../format.ts'
import { BellChart } from '../parts/chart.tsx'
import { FileLink, SiteLink } from '../parts/link.tsx'
import { Bound, Decimal, Num, Power } from '../parts/number.tsx'
import { Sigma } from '../parts/tables.tsx'
import { Time } from '../parts/time.tsx'
import { windowState } from '../window-state.ts'
import { rootRoute } from './root.tsx'

export const windowRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/windows/$index',
  loader: ({ context, params }) => {
    const at = context.data.windows.findIndex((window) => window.index.toString() === params.index)
    if (at < 0) throw notFound()
    return { at }
  },
  head: ({ params }) => ({
    meta: [
      { title: `Window ${params.index} · collatz` },
      { name: 'description', content: `Window ${params.index}: units, hard numbers, peak and certificate.` },
    ],
  }),
  component: WindowPage,
})

function State({ data, window }: { data: SiteData; window: SiteWindow }): JSX.Element {
  const state = windowState(window)
  if (state !== 'certified') {
    return (
      <p className="lead next">
        <label htmlFor="units">
          {state === 'open' ? 'Open' : 'In work'}: {window.unitsDone} of {window.unitsTotal} units done
          {data.gaps.includes(window.index) && '. The frontier waits for this window'}
        </label>
        <progress id="units" value={window.unitsDone} max={Math.max(1, window.unitsTotal)} />
      </p>
    )
  }
  const round = window.dealtAtRound
  return (
    <p className="lead">
      Certified.
      {round !== null && (
        <>
          {' '}
          Its last unit was dealt by beacon round <Num value={round} />, <Time ms={roundTime(data, round)} />.
        </>
      )}
    </p>
  )
}

/** Long, as it is the markup of one table. */
function Figures({ data, window }: { data: SiteData; window: SiteWindow }): JSX.Element {
  const { network } = data
  const start = windowStart(network, window.index)
  const end = windowStart(network, window.index + 1n)
  const complete = window.unitsDone === window.unitsTotal
  return (
    <dl className="figures">
      <div>
        <dt>From</dt>
        <dd>
          <Bound network={network} n={start} />
          <span className="exact">
            <Num value={start} />
          </span>
        </dd>
      </div>
      <div>
        <dt>Below</dt>
        <dd>
          <Bound network={network} n={end} />
          <span className="exact">
            <Num value={end} />
          </span>
        </dd>
      </div>
      <div>
        <dt>Units</dt>
        <dd>
          <Num value={window.unitsDone} /> of <Num value={window.unitsTotal} />
        </dd>
      </div>
      <div>
        <dt>
          <SiteLink to="/believe/" hash="result">
            Hard numbers
          </SiteLink>{' '}
          counted
        </dt>
        <dd>
          <Num value={window.hardCount} />
          {!complete && <span className="exact">so far</span>}
        </dd>
      </div>
      <div>
        <dt>Expected in the whole window</dt>
        <dd>
          <Decimal value={window.expectedHard} digits={1} /> ± <Decimal value={window.expectedSd} digits={1} />
        </dd>
      </div>
      {complete && (
        <div>
          <dt>Distance from theory</dt>
          <dd>
            <Sigma window={window} />
          </dd>
        </div>
      )}
      {window.peak !== null && window.peak.n > 1n && (
        <div className="whole">
          <dt>Peak</dt>
          <dd>
            <Num value={window.peak.value} />
            <span className="exact">
              reached from <var>n</var> = <Num value={window.peak.n} />, about{' '}
              <Power base={<var>n</var>} exponent={(log2(window.peak.value) / log2(window.peak.n)).toFixed(3)} />
            </span>
          </dd>
        </div>
      )}
    </dl>
  )
}

function Certificate({ window }: { window: SiteWindow }): JSX.Element {
  const { certificate } = window
  return (
    <section aria-labelledby="certificate">
      <h2 id="certificate">Certificate</h2>
      {certificate === null ? (
        <p className="empty">
          {windowState(window) === 'certified'
            ? 'The node that made this page does not hold this certificate.'
            : 'There is one as soon as every unit of the window is settled.'}
        </p>
      ) : (
        <>
          <p>
            <FileLink path={`certificates/${certificate.file}`} download>
              {certificate.file}
            </FileLink>
            , {byteSize(certificate.bytes)}. Check it on your own machine, offline:
          </p>
          <pre>
            <code>collatz verify {certificate.file}</code>
          </pre>
          <p className="note">
            CID <code className="long">{certificate.cid}</code>
          </p>
        </>
      )}
    </section>
  )
}

function WindowPage(): JSX.Element {
  const { data } = useSite()
  const { at } = windowRoute.useLoaderData()
  const window = data.windows[at]!
  const before = data.windows[at - 1]
  const after = data.windows[at + 1]
  return (
    <>
      <h1>
        Window <Num value={window.index} />
      </h1>
      <State data={data} window={window} />
      <div className="columns">
        <div>
          <Figures data={data} window={window} />
        </div>
        <div>
          <BellChart window={window} />
          <Certificate window={window} />
        </div>
      </div>
      <nav className="pager" aria-label="Windows before and after">
        {before !== undefined && (
          <SiteLink to="/windows/$index/" params={{ index: before.index.toString() }} rel="prev">
            ← Window <Num value={before.index} />
          </SiteLink>
        )}
        {after !== undefined && (
          <SiteLink to="/windows/$index/" params={{ index: after.index.toString() }} rel="next">
            Window <Num value={after.index} /> →
          </SiteLink>
        )}
      </nav>
    </>
  )
}
