"""Files to upload."""

HEADER = "account_id,name,industry,arr,renewal_date,total_contacts\n"


def rows(count: int, first: int = 1) -> str:
    """A file of accounts, all good."""
    return HEADER + "".join(
        f"C-{n:05d},Customer {n},Retail,{n * 100},2027-01-{n % 28 + 1:02d},{n % 40}\n"
        for n in range(first, first + count)
    )
