"""What the demo's systems know of its customers: every fact, telling the stories of `csm.demo.companies`."""
