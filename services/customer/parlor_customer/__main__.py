"""`python -m parlor_customer api|worker|migrate|dead-letters`."""

from parlor_kit.process import Service, main

from parlor_customer.bootstrap import api, inbox, worker
from parlor_customer.settings import CustomerSettings

if __name__ == "__main__":
    main(Service(name="customer", settings=CustomerSettings, api=api, worker=worker, inbox=inbox))
