"""Model cards: what an attribute's predictor is, what it is worth and for whom, and what it is not for.

After Mitchell et al. 2019, "Model Cards for Model Reporting", doi:10.1145/3287560.3287596. `origin` says in words how
labels are made, `groups` where the predictor is worse, `facts` collects what a card tells, `render` writes it.
"""
