/** The frame around every page: skip link, name of the network, navigation, and when the page was made. */
import { createRootRouteWithContext, Outlet } from '@tanstack/react-router'
import type { JSX } from 'react'
import { type SiteContext, useSite } from '../context.ts'
import { FileLink, SiteLink } from '../parts/link.tsx'
import { Num } from '../parts/number.tsx'
import { Time } from '../parts/time.tsx'
import { NotFound } from './notfound.tsx'

export const rootRoute = createRootRouteWithContext<SiteContext>()({
  component: Frame,
  notFoundComponent: NotFound,
})

function Frame(): JSX.Element {
  const { data } = useSite()
  const { network, asOf } = data
  return (
    <>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="top">
        <p className="mark">
          <FileLink path="index.html">collatz</FileLink> <bdi className="network">{network.name}</bdi>
        </p>
        <nav aria-label="Pages">
          <ul>
            <li>
              <SiteLink to="/" activeOptions={{ exact: true }}>
                Frontier
              </SiteLink>
            </li>
            <li>
              <SiteLink to="/windows/">Windows</SiteLink>
            </li>
            <li>
              <SiteLink to="/accounts/">Accounts</SiteLink>
            </li>
            <li>
              <SiteLink to="/believe/">Evidence</SiteLink>
            </li>
          </ul>
        </nav>
      </header>
      {network.map !== '3n+1' && (
        <p className="drill">
          This is a drill. It runs on the map {network.map}, which is known to have other cycles; nothing here is a
          claim about the Collatz conjecture.
        </p>
      )}
      <main id="content" tabIndex={-1}>
        <Outlet />
      </main>
      <footer className="bottom">
        <p>
          Computed from signed events as of beacon round <Num value={asOf.round} />, <Time ms={asOf.time} />. Everything
          shown is also in <FileLink path="data.json">data.json</FileLink>.
        </p>
        <p>
          Network <code className="long">{network.id}</code>
        </p>
        <p>
          Begun <Time ms={network.genesisTimestamp} /> by <code className="long">{network.founder}</code>
        </p>
      </footer>
    </>
  )
}
