/** The route tree, and one router for one page. */
import { createMemoryHistory, createRouter, RouterProvider } from '@tanstack/react-router'
import type { JSX } from 'react'
import type { SiteContext } from './context.ts'
import { accountRoute } from './routes/account.tsx'
import { accountsRoute } from './routes/accounts.tsx'
import { believeRoute } from './routes/believe.tsx'
import { homeRoute } from './routes/home.tsx'
import { rootRoute } from './routes/root.tsx'
import { windowRoute } from './routes/window.tsx'
import { windowsRoute } from './routes/windows.tsx'

const routeTree = rootRoute.addChildren([
  homeRoute,
  windowsRoute,
  windowRoute,
  accountsRoute,
  accountRoute,
  believeRoute,
])

export function siteRouter(path: string, context: SiteContext) {
  return createRouter({
    routeTree,
    context,
    history: createMemoryHistory({ initialEntries: [path] }),
    trailingSlash: 'always',
    isServer: true,
  })
}

export function SiteApp({ router }: { router: ReturnType<typeof siteRouter> }): JSX.Element {
  return <RouterProvider router={router} />
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof siteRouter>
  }
}
