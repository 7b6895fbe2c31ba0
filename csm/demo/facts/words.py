"""Names and words the facts are put together from."""

import numpy as np

from csm.demo.names import words

FIRST_NAMES = words(
    """
    Ada Aisha Alba Amara Anders Andrea Anika Anton Arjun Astrid Beatriz Bruno Camille Carla Chen Clara
    Daniel Davide Devika Eitan Elena Elif Emeka Emil Erika Farah Felix Freya Gianna Greta Hana Henrik Hugo
    Ingrid Isla Ivan Jamal Jana Javier Joana Julia Kaito Karim Katya Kenji Lars Leila Liam Lina Lucia
    Magnus Maja Malik Marco Marta Mateo Mei Milan Mina Nadia Nils Noor Olga Omar Oskar Paula Pedro Petra
    Priya Rafael Rania Rosa Sami Sara Selin Sofia Stefan Sven Tara Teresa Thea Tomas Uma Vera Viktor
    Wei Yara Yusuf Zara Zofia
    """
)
LAST_NAMES = words(
    """
    Abara Adler Almeida Andersen Arslan Baines Bakker Baptiste Becker Bergström Bianchi Brandt Calloway
    Castillo Chaudhry Costa Dahl Danso Delgado Demir Dubois Eriksen Esposito Falk Fernandes Fischer Fontaine
    Garcia Grant Haddad Halvorsen Hansen Hartley Herrera Hoffmann Horvat Ibrahim Ito Ivanova Jansen
    Jensen Kaplan Karlsson Kaya Keller Khan Kim Kowalska Kumar Lambert Larsen Laurent Lindgren Lopez Mäkinen
    Marchetti Martins Mbeki Mehta Meyer Mori Moreau Müller Nakamura Navarro Nguyen Novak Nowak Ochoa
    Okafor Olsen Ortega Osei Patel Pereira Petrov Quinn Ramos Rao Rossi Sato Schmidt Silva Sokolova
    Suzuki Tanaka Thorne Torres Vargas Virtanen Visser Wagner Walker Weber Wójcik Yamada Yilmaz Zhang
    """
)
# The first four are for sponsors, champions and their seconds.
TITLES = np.array(
    [
        "Chief Operating Officer",
        "Head of Operations",
        "Programme Lead",
        "IT Director",
        "Data Analyst",
        "Operations Manager",
        "Team Lead",
        "Finance Manager",
        "Project Manager",
        "Systems Engineer",
        "Buyer",
        "Business Analyst",
        "Support Lead",
    ],
    dtype=object,
)
TICKET_CATEGORIES = np.array(
    ["Access", "Billing", "Data import", "Integrations", "Performance", "Reports", "Training"],
    dtype=object,
)
TICKET_SUBJECTS = np.array(
    [
        "Users cannot sign in",
        "Question about an invoice",
        "Import stopped half-way",
        "Sync with the warehouse fails",
        "Pages load slowly",
        "Report shows other totals",
        "How do we set this up?",
    ],
    dtype=object,
)
PRODUCTS = ("Core platform", "Analytics add-on", "Automation add-on")
CHURN_REASONS = ("Price", "Missing capability", "Company closed", "Went to a competitor", "No use")
FEATURES = (
    # key, label, core
    ("dashboards", "Dashboards", True),
    ("data-import", "Data import", True),
    ("reports", "Reports", True),
    ("alerts", "Alerts", True),
    ("workflows", "Workflows", True),
    ("api", "API", False),
    ("sharing", "Sharing", False),
    ("forecasts", "Forecasts", False),
    ("mobile-app", "Mobile app", False),
    ("audit-log", "Audit log", False),
    ("single-sign-on", "Single sign-on", False),
    ("templates", "Templates", False),
)
